// The form of a first frame: words, pictures, people, size, who draws. It keeps a draft and sends once.
(() => {
  const km = window.komadori;
  const limits = window.KOMADORI_LIMITS.frame;
  const SIZES = [[1280, 720], [1024, 1024], [720, 1280], [1920, 1080]];
  const DRAFT = "frame_draft"; // of the form, not of the picture
  const number = (value) => value.toLocaleString("en");

  // What the form holds, as plain values.
  const fresh = () => ({
    prompt: km.say("frame_sample"), scene: "", people: [], width: 1280, height: 720, isOwn: false,
    provider: "auto", seed: "", candidates: 1, draft: "", options: {},
  });
  const ofDraft = (kept) => ({ ...fresh(), ...(kept && typeof kept === "object" ? kept : {}) });

  function keptDraft() {
    try {
      const kept = ofDraft(JSON.parse(km.store.get(DRAFT)));
      return Array.isArray(kept.people) ? kept : fresh();
    } catch {
      return fresh(); // A draft of an older page: begin anew.
    }
  }

  const SHEET = `
    <div class="field" data-field="prompt">
      <label class="title" for="frame-prompt" data-words="frame_prompt"></label>
      <textarea id="frame-prompt" rows="4"></textarea>
      <p class="quiet" data-count></p><p class="wrong" role="alert"></p>
    </div>
    <div class="field" data-field="scene">
      <span class="title" data-words="frame_scene"></span>
      <div class="place" data-drop="scene"><span data-slot-of="scene"></span><p class="quiet" data-words="frame_scene_hint"></p></div>
      <p class="wrong" role="alert"></p>
    </div>
    <div class="field" data-field="cast">
      <span class="title" data-words="frame_cast"></span>
      <p class="quiet" data-cast-hint data-words="frame_cast_hint"></p>
      <ol class="people"></ol>
      <div class="row"><button type="button" data-add data-words="frame_cast_add"></button>
        <button type="button" class="as-link" data-studio data-words="frame_cast_studio"></button></div>
      <p class="wrong" role="alert"></p>
    </div>
    <div class="trio">
      <div class="field" data-field="size">
        <label class="title" for="frame-size" data-words="frame_size"></label>
        <span class="choice"><select id="frame-size"></select></span>
      </div>
      <div class="field" data-field="candidates">
        <label class="title" for="frame-candidates" data-words="frame_candidates"></label>
        <span class="choice"><select id="frame-candidates"></select></span><p class="wrong" role="alert"></p>
      </div>
      <div class="field" data-field="seed">
        <label class="title" for="frame-seed" data-words="frame_seed"></label>
        <input type="text" id="frame-seed" inputmode="numeric" autocomplete="off" maxlength="10"><p class="wrong" role="alert"></p>
      </div>
      <div class="own" hidden><input type="number" data-side="width"><span aria-hidden="true">×</span><input type="number" data-side="height"></div>
    </div>
    <div class="field" data-field="provider"><p class="wrong" role="alert"></p></div>
    <div data-options></div>
    <div class="field" data-field="draft" role="radiogroup" aria-labelledby="frame-draft-title">
      <span class="title" id="frame-draft-title" data-words="frame_draft"></span>
      <div class="chips" data-drafts></div>
      <p class="quiet" data-draft-note></p>
    </div>
    <button type="submit" id="frame-draw" data-words="frame_draw"></button>
    <div class="under" data-field="form"><span class="cost" role="status"></span><span class="quiet" data-words="draw_shortcut"></span>
      <p class="wrong" role="alert"></p></div>`;

  km.frameForm = (element, trigger, upload) => {
    const sheet = document.createElement("form");
    sheet.noValidate = true;
    sheet.append(...km.parse(SHEET).childNodes);
    for (const node of sheet.querySelectorAll("[data-words]")) node.textContent = km.say(node.dataset.words);
    element.append(sheet);
    const find = (selector) => sheet.querySelector(selector);
    const field = (name) => find(`[data-field="${CSS.escape(name)}"]`);
    const values = keptDraft();
    let filling = null;

    function changed() {
      filling = null;
      km.store.set(DRAFT, JSON.stringify(values));
      tell();
    }

    function right(name) {
      const line = field(name)?.querySelector(".wrong");
      if (line) line.textContent = "";
    }

    const slots = km.pictureSlots({
      sheet, right, wrong, changed, upload,
      keep: (slot, place, path) => trigger("keep_picture", { slot, place, path }),
    });
    const scene = slots.make("scene", () => km.say("frame_scene"), () => values.scene, (picture) => (values.scene = picture));
    find('[data-slot-of="scene"]').replaceWith(scene.box);

    // People.
    const people = find(".people");
    const rows = new Map(); // A row stays while its person does: a picture may be on its way to it.
    function drawPeople() {
      for (const [person, { slot }] of rows) {
        if (values.people.includes(person)) continue;
        slots.forget(slot);
        rows.delete(person);
      }
      for (const person of values.people) if (!rows.has(person)) rows.set(person, row(person));
      people.replaceChildren(...values.people.map((person) => rows.get(person).made));
      find("[data-cast-hint]").hidden = values.people.length > 0;
      find("[data-add]").disabled = values.people.length >= limits.cast;
    }
    function row(person) {
      const made = document.createElement("li");
      made.dataset.drop = "cast";
      const title = () => person.name || km.say("frame_nobody");
      const slot = slots.make("cast", title, () => person.reference || "", (picture) => (person.reference = picture));
      const text = (key, words, most) => {
        const input = document.createElement("input");
        input.type = "text";
        input.value = person[key] || "";
        input.maxLength = most;
        input.placeholder = km.say(words);
        input.setAttribute("aria-label", key === "name" ? km.say("frame_name") : km.say("cast_description"));
        input.addEventListener("input", () => {
          person[key] = input.value;
          right("cast");
          slot.draw();
          label();
          changed();
        });
        return input;
      };
      const tick = document.createElement("label");
      tick.className = "tick";
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = person.in_shot !== false;
      const word = document.createElement("span");
      word.textContent = km.say("frame_in_shot");
      tick.append(box, word);
      const shade = () => made.classList.toggle("is-out", !box.checked);
      box.addEventListener("change", () => ((person.in_shot = box.checked), shade(), changed()));
      shade();
      const remove = km.button("×", () => {
        values.people = values.people.filter((one) => one !== person);
        right("cast");
        drawPeople();
        changed();
        find("[data-add]").focus();
      }, "off");
      const label = () => remove.setAttribute("aria-label", km.say("cast_remove", { name: title() }));
      label();
      made.append(slot.box, text("name", "frame_name", 60), tick, remove, text("description", "frame_looks", 500));
      return { made, slot };
    }
    find("[data-add]").addEventListener("click", () => {
      values.people.push({ name: "", description: "", reference: "", in_shot: true });
      drawPeople();
      changed();
      people.lastElementChild.querySelector('input[type="text"]').focus();
    });
    find("[data-studio]").addEventListener("click", () => {
      let cast = [];
      try {
        cast = JSON.parse(km.store.get("draft")).at(-1);
      } catch {
        // Nothing was written there yet.
      }
      const known = new Set(values.people.map((person) => person.name));
      const more = (Array.isArray(cast) ? cast : []).filter((person) => person.name && !known.has(person.name));
      if (!more.length) return km.notice(km.say("frame_cast_none"), { seconds: 5 });
      values.people = [...values.people.filter((person) => person.name || person.description || person.reference), ...more.map((person) => ({ ...person, in_shot: true }))].slice(0, limits.cast);
      drawPeople();
      return changed();
    });

    // Chips: real radio buttons, so arrows walk them.
    function chips(place, name, options, isChosen, choose) {
      place.replaceChildren(...options.map(({ value, words }) => {
        const chip = document.createElement("label");
        const radio = document.createElement("input");
        radio.type = "radio";
        radio.name = name;
        radio.value = value;
        radio.checked = isChosen(value);
        radio.addEventListener("change", () => (choose(value), changed()));
        chip.append(radio, words);
        return chip;
      }));
    }
    const own = find(".own");
    const sides = { width: own.querySelector('[data-side="width"]'), height: own.querySelector('[data-side="height"]') };
    if (!SIZES.some(([width, height]) => values.width === width && values.height === height)) values.isOwn = true;
    const size = find("#frame-size");
    for (const [width, height] of SIZES) size.append(new Option(`${width} × ${height}`, `${width}x${height}`));
    size.append(new Option(km.say("frame_size_own"), "own"));
    size.value = values.isOwn ? "own" : `${values.width}x${values.height}`;
    size.addEventListener("change", () => {
      values.isOwn = size.value === "own";
      if (!values.isOwn) [values.width, values.height] = size.value.split("x").map(Number);
      drawSides();
      changed();
      if (values.isOwn) sides.width.focus();
    });
    function drawSides() {
      own.hidden = !values.isOwn;
      for (const [name, input] of Object.entries(sides)) input.value = values[name];
    }
    for (const [name, input] of Object.entries(sides)) {
      input.min = limits.side_min;
      input.max = limits.side_max;
      input.setAttribute("aria-label", km.say(name === "width" ? "frame_width" : "frame_height"));
      input.addEventListener("input", () => {
        const wanted = Math.round(Number(input.value));
        if (wanted >= limits.side_min && wanted <= limits.side_max) ((values[name] = wanted), changed());
      });
      // What is out of range is brought into it, as the Studio does with its panels.
      input.addEventListener("blur", () => {
        const wanted = Math.round(Number(input.value)) || values[name];
        values[name] = Math.min(limits.side_max, Math.max(limits.side_min, wanted));
        input.value = values[name];
        changed();
      });
    }
    const draftNotes = { "": "frame_draft_note_none", sketch: "frame_draft_note_sketch", provider: "frame_draft_note_provider" };
    chips(
      find("[data-drafts]"), "frame-draft",
      [{ value: "", words: km.say("frame_draft_none") }, { value: "sketch", words: km.say("frame_draft_sketch") }, { value: "provider", words: km.say("frame_draft_provider") }],
      (value) => value === values.draft,
      (value) => (values.draft = value),
    );
    const provider = km.providerChoice(field("provider"), {
      id: "frame-provider",
      trigger,
      value: () => values.provider,
      choose: (name) => ((values.provider = name), right("provider"), changed()),
      told: () => tell(),
    });

    const chosenOptions = () => (values.options[values.provider] ||= {}); // kept for each workflow by its name
    const options = km.optionsForm(find("[data-options]"), { id: "frame-option", chosen: chosenOptions, changed });

    const candidates = find("#frame-candidates");
    for (let count = 1; count <= limits.candidates; count += 1) candidates.append(new Option(count, count, false, count === values.candidates));
    candidates.addEventListener("change", () => ((values.candidates = Number(candidates.value)), changed()));
    const seed = find("#frame-seed");
    seed.placeholder = km.say("frame_seed_new");
    seed.value = values.seed;
    seed.addEventListener("input", () => {
      const digits = seed.value.replace(/\D/g, "");
      const wanted = digits && String(Math.min(Number(digits), limits.seed_max));
      if (seed.value !== wanted) seed.value = wanted;
      values.seed = wanted;
      changed();
    });

    const prompt = find("#frame-prompt");
    prompt.placeholder = km.say("frame_prompt_hint");
    prompt.value = values.prompt;
    prompt.addEventListener("input", () => ((values.prompt = prompt.value), right("prompt"), changed()));

    // What follows from what is chosen: the count, the cost, the notes, the ghost on the stage.
    function cost() {
      // With drafts the candidates are drafts, and lead to one picture. A sketch is free.
      const drafts = values.draft === "provider" ? values.candidates : 0;
      return provider.cost(values.draft ? drafts + 1 : values.candidates);
    }
    function tell() {
      const size = [...values.prompt.trim()].length;
      const count = find("[data-count]");
      count.textContent = km.say("frame_count", { length: number(size), most: number(limits.prompt) });
      count.classList.toggle("is-wrong", size > limits.prompt);
      find("[data-draft-note]").textContent = km.say(draftNotes[values.draft]);
      find(".cost").textContent = cost();
      options.draw(provider.chosen()?.fields || []);
      km.frameGhost(values);
    }
    km.frameTell = tell;

    function wrong(place, text) {
      const at = field(place) || field("form");
      at.querySelector(".wrong").textContent = text;
      at.scrollIntoView({ block: "nearest", behavior: km.isStill() ? "auto" : "smooth" });
      at.querySelector("textarea, select, input:not([hidden])")?.focus({ preventScroll: true });
    }

    // Two clicks on one filling of the form are one job: they carry the same key.
    const draw = find("#frame-draw");
    sheet.addEventListener("submit", (event) => {
      event.preventDefault();
      if (draw.hasAttribute("aria-busy")) return;
      for (const line of sheet.querySelectorAll(".wrong")) line.textContent = "";
      if (slots.areBusy()) return wrong("form", km.say("frame_slot_wait"));
      const [fault] = options.faults();
      if (fault) return wrong(...fault);
      filling = filling || km.newKey();
      draw.setAttribute("aria-busy", "true");
      setTimeout(sent, 8000);
      trigger("draw_frame", {
        prompt: values.prompt, scene: values.scene, characters: values.people, width: values.width, height: values.height,
        provider: values.provider, seed: values.seed === "" ? null : Number(values.seed), candidates: values.candidates,
        draft: values.draft, options: chosenOptions(), key: filling,
      });
    });
    const sent = () => draw.removeAttribute("aria-busy");
    km.frameSent = () => {
      const wasSending = draw.hasAttribute("aria-busy");
      sent();
      const used = filling;
      setTimeout(() => {
        if (filling === used) filling = null;
      }, 2000);
      return wasSending;
    };
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      if (document.querySelector("dialog[open]") || !sheet.offsetParent || event.target.matches?.("[data-wish]")) return;
      event.preventDefault();
      sheet.requestSubmit();
    });

    km.receivers.frame = (answer) => {
      const slot = slots.get(answer.slot);
      if (answer.do === "kept") slot?.end(answer.picture);
      if (answer.do === "refused") {
        slot?.end();
        sent();
        wrong(answer.place, answer.text);
      }
    };

    drawPeople();
    drawSides();
    provider.draw();
  };
})();
