// The form of a clip: what it begins with, how it moves, how long, and which workflow makes it.
(() => {
  const km = window.komadori;
  const limits = window.KOMADORI_LIMITS.clip;
  const DRAFT = "clip_draft";

  // What the form holds, as plain values. `options` are kept for each workflow by its name.
  const fresh = () => ({
    prompt: km.say("clip_motion_sample"), source: { picture: "", job: "", panels: [], face: "" },
    seconds: limits.seconds, fps: null, provider: "auto", seed: "", options: {},
  });
  function keptDraft() {
    try {
      const kept = { ...fresh(), ...JSON.parse(km.store.get(DRAFT)) };
      return kept.source && kept.options ? kept : fresh();
    } catch {
      return fresh(); // A draft of an older page: begin anew.
    }
  }

  const SHEET = `
    <div class="field" data-field="source">
      <span class="title" data-words="clip_source"></span>
      <div class="place" data-drop="source"><span data-slot-of="source"></span><p class="quiet" data-words="clip_source_hint"></p></div>
      <p class="wrong" role="alert"></p>
      <div data-shelf><span class="title" data-words="clip_recent"></span></div>
    </div>
    <div class="field" data-field="prompt">
      <label class="title" for="clip-prompt" data-words="clip_motion"></label>
      <textarea id="clip-prompt" rows="3"></textarea>
      <p class="quiet" data-motion-note></p><p class="wrong" role="alert"></p>
    </div>
    <div class="field" data-field="provider"><p class="wrong" role="alert"></p></div>
    <div data-options></div>
    <div class="trio">
      <div class="field" data-field="seconds">
        <label class="title" for="clip-seconds" data-words="clip_seconds"></label>
        <input type="number" id="clip-seconds" step="0.5" inputmode="decimal"><p class="wrong" role="alert"></p>
      </div>
      <div class="field" data-field="fps">
        <label class="title" for="clip-fps" data-words="clip_fps"></label>
        <input type="number" id="clip-fps" step="1" inputmode="numeric"><p class="fixed" data-fps-own></p><p class="wrong" role="alert"></p>
      </div>
      <div class="field" data-field="seed">
        <label class="title" for="clip-seed" data-words="frame_seed"></label>
        <input type="text" id="clip-seed" inputmode="numeric" autocomplete="off" maxlength="10"><p class="wrong" role="alert"></p>
      </div>
      <p class="quiet frames" data-frames role="status"></p>
    </div>
    <button type="submit" id="clip-make"></button>
    <div class="under" data-field="form"><span></span><span class="quiet" data-words="draw_shortcut"></span>
      <p class="wrong" role="alert"></p></div>`;

  km.clipForm = (element, trigger, upload) => {
    const sheet = document.createElement("form");
    sheet.noValidate = true;
    sheet.append(...km.parse(SHEET).childNodes);
    for (const node of sheet.querySelectorAll("[data-words]")) node.textContent = km.say(node.dataset.words);
    element.append(sheet);
    const find = (selector) => sheet.querySelector(selector);
    const field = (name) => find(`[data-field="${CSS.escape(name)}"]`);
    const values = keptDraft();
    const source = values.source;
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
    function wrong(place, text) {
      const at = field(place) || field("form");
      at.querySelector(".wrong").textContent = text;
      at.scrollIntoView({ block: "nearest", behavior: km.isStill() ? "auto" : "smooth" });
      at.querySelector("textarea, select, input:not([hidden])")?.focus({ preventScroll: true });
    }

    const slots = km.pictureSlots({
      sheet, right, wrong, changed, upload,
      keep: (slot, place, path) => trigger("keep_picture", { slot, place, path }),
    });
    const slot = slots.make("source", () => km.say("clip_source_name"), () => source.picture || source.face, (picture) => {
      Object.assign(source, { picture, job: "", panels: [], face: "" });
      shelf.draw();
    });
    find('[data-slot-of="source"]').replaceWith(slot.box);
    const shelf = km.clipSource(find("[data-shelf]"), {
      source,
      changed: () => (right("source"), slot.draw(), changed()),
      list: (job) => trigger("list_pictures", { job }),
    });

    // A panel or a frame was brought here from its own tab.
    km.clipTake = () => {
      const brought = km.clipBrought();
      if (!brought) return;
      Object.assign(source, { picture: "", job: brought.job, panels: brought.panels, face: "" });
      right("source");
      shelf.ask();
      changed();
      find("#clip-prompt").focus({ preventScroll: true });
    };

    const provider = km.providerChoice(field("provider"), {
      id: "clip-provider",
      kind: "clips",
      title: "clip_workflow",
      trigger,
      value: () => values.provider,
      choose: (name) => ((values.provider = name), (values.fps = null), right("provider"), changed()),
      told: () => tell(),
    });
    const chosenOptions = () => (values.options[values.provider] ||= {});
    const options = km.optionsForm(find("[data-options]"), { id: "clip-option", chosen: chosenOptions, changed });

    const prompt = find("#clip-prompt");
    prompt.placeholder = km.say("clip_motion_hint");
    prompt.maxLength = limits.prompt;
    prompt.value = values.prompt;
    prompt.addEventListener("input", () => ((values.prompt = prompt.value), right("prompt"), changed()));

    const workflow = () => provider.chosen()?.workflow || {};
    const ownFps = () => Math.min(limits.fps_max, Math.max(limits.fps_min, Math.round(workflow().fps || limits.fps)));
    const seconds = find("#clip-seconds");
    const fps = find("#clip-fps");
    numeric(seconds, "seconds", limits.seconds_min, limits.seconds_max, (value) => (values.seconds = value));
    numeric(fps, "fps", limits.fps_min, limits.fps_max, (value) => (values.fps = Math.round(value)));
    seconds.value = values.seconds;
    function numeric(input, name, least, most, set) {
      input.min = least;
      input.max = most;
      input.addEventListener("input", () => {
        const value = Number(input.value);
        right(name);
        if (input.value !== "" && value >= least && value <= most) (set(value), changed());
      });
      // What is out of range is brought into it, as with the sides of a picture.
      input.addEventListener("blur", () => {
        const now = name === "fps" ? (values.fps ?? ownFps()) : values.seconds;
        const value = input.value === "" ? now : Math.min(most, Math.max(least, Number(input.value)));
        set(value);
        input.value = name === "fps" ? values.fps : values.seconds;
        changed();
      });
    }
    const seed = find("#clip-seed");
    seed.placeholder = km.say("frame_seed_new");
    seed.value = values.seed;
    seed.addEventListener("input", () => {
      const digits = seed.value.replace(/\D/g, "");
      const wanted = digits && String(Math.min(Number(digits), limits.seed_max));
      if (seed.value !== wanted) seed.value = wanted;
      values.seed = wanted;
      changed();
    });

    // How many frames come out: the length that the workflow makes which is nearest to the one asked for.
    function frames() {
      const { min_frames: least, max_frames: most, frames_step: step = 1, frames: own } = workflow();
      if (!provider.chosen()) return "";
      if (most === null) return own ? km.say("clip_frames_own", { frames: own }) : "";
      const speed = workflow().takes_fps ? (values.fps ?? ownFps()) : workflow().fps || ownFps();
      const asked = toEven(values.seconds * speed);
      const time = (count) => String(Math.round((count / speed) * 100) / 100);
      if (asked > most) return km.say("clip_frames_most", { frames: most, seconds: time(most) });
      if (asked < least) return km.say("clip_frames_least", { frames: least, seconds: time(least) });
      const made = least + step * Math.ceil((asked - least) / step - 0.5); // the shorter of two as near
      return km.say("clip_frames_so", { frames: made, seconds: time(made) });
    }

    // Halves become even, as they do where the clip is made.
    function toEven(value) {
      const near = Math.round(value);
      return near - value === 0.5 && near % 2 ? near - 1 : near;
    }

    function tell() {
      const facts = workflow();
      const count = shelf.count();
      const isWithout = provider.isTold() && !provider.all().some((one) => one.is_ready);
      document.querySelector("#clip").classList.toggle("is-without", isWithout);
      tellMissing();
      options.draw(provider.chosen()?.fields || []);
      const takesWords = facts.takes_prompt !== false;
      prompt.disabled = !takesWords;
      find("[data-motion-note]").textContent = km.say(takesWords ? (source.job ? "clip_motion_note" : "clip_motion_hint") : "clip_motion_none");
      find("[data-motion-note]").hidden = takesWords && !source.job;
      const ownsFps = facts.takes_fps === false;
      fps.hidden = ownsFps;
      find("[data-fps-own]").textContent = ownsFps ? km.say("clip_fps_own", { fps: facts.fps || ownFps() }) : "";
      if (document.activeElement !== fps) fps.value = values.fps ?? ownFps();
      seconds.disabled = facts.max_frames === null;
      field("seed").hidden = facts.takes_seed === false;
      find("[data-frames]").textContent = frames();
      make.textContent = count > 1 ? km.say("clip_make_many", { count }) : km.say("clip_make");
      make.disabled = isWithout;
      const many = count > 1 ? `×${count}` : "";
      if (slot.box.dataset.many !== many) slot.box.dataset.many = many;
      tellGhost(source.picture || source.face);
    }
    // The empty stage shows what the clip will begin with.
    function tellGhost(picture) {
      const ghost = document.querySelector("#clip-stage [data-ghost] .picture");
      const address = picture && `/files/${encodeURIComponent(picture)}`;
      if (!ghost || (ghost.querySelector("img")?.getAttribute("src") || "") === address) return;
      ghost.replaceChildren(...(picture ? [ghostOf(address)] : []));
    }
    function ghostOf(address) {
      const image = document.createElement("img");
      image.src = address;
      image.alt = "";
      image.className = "begins";
      return image;
    }
    function tellMissing() {
      const place = document.querySelector("#clip-stage [data-missing]");
      if (!place) return;
      const lines = provider.all().filter((one) => one.reason && one.reason !== km.say("comfy_unwatched")).map((one) => {
        const line = document.createElement("p");
        line.className = "quiet";
        line.textContent = `${one.title} · ${one.reason}`;
        return line;
      });
      const title = document.createElement("h3");
      title.textContent = km.say("clip_reasons");
      place.replaceChildren(...(lines.length ? [title, ...lines] : []));
    }
    km.clipTell = tell;

    // Two clicks on one filling of the form are one job: they carry the same key.
    const make = find("#clip-make");
    sheet.addEventListener("submit", (event) => {
      event.preventDefault();
      if (make.disabled || make.hasAttribute("aria-busy")) return;
      for (const line of sheet.querySelectorAll(".wrong")) line.textContent = "";
      if (slots.areBusy()) return wrong("form", km.say("frame_slot_wait"));
      const [fault] = options.faults();
      if (fault) return wrong(...fault);
      filling = filling || km.newKey();
      make.setAttribute("aria-busy", "true");
      setTimeout(sent, 8000);
      trigger("make_clip", {
        prompt: prompt.disabled ? "" : values.prompt, picture: source.picture, job: source.job, panels: source.panels,
        seconds: values.seconds, fps: values.fps ?? ownFps(), provider: values.provider,
        seed: values.seed === "" ? null : Number(values.seed), options: chosenOptions(), key: filling,
      });
    });
    const sent = () => make.removeAttribute("aria-busy");
    km.clipSent = () => {
      const wasSending = make.hasAttribute("aria-busy");
      sent();
      const used = filling;
      setTimeout(() => {
        if (filling === used) filling = null;
      }, 2000);
      return wasSending;
    };
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      if (document.querySelector("dialog[open]") || !sheet.offsetParent) return;
      event.preventDefault();
      sheet.requestSubmit();
    });

    km.receivers.clip = (answer) => {
      const asked = slots.get(answer.slot);
      if (answer.do === "kept") asked?.end(answer.picture);
      if (answer.do === "refused") {
        asked?.end();
        sent();
        wrong(answer.place, answer.text);
      }
    };

    provider.draw();
    km.clipTake();
    tell();
  };
})();
