// Who draws and who makes clips: the choice that the forms offer, what is known of the chosen one, its cost.
(() => {
  const km = window.komadori;
  const FRESH_MS = 10_000;
  const AGAIN_MS = 15_000;
  const KEPT = `providers_${km.language}`; // what was told last stands until the server answers
  const FIELD = `
    <label class="title"></label>
    <span class="choice"><select></select></span>
    <p class="quiet" data-note></p><p class="waits" data-waits></p>`;
  const forms = [];
  let askedAt = 0;
  let isTold = false;
  const known = { choices: [], clips: [] };
  try {
    const kept = JSON.parse(km.store.get(KEPT));
    for (const kind of Object.keys(known)) if (Array.isArray(kept[kind])) known[kind] = kept[kind];
  } catch {
    // Nothing was told yet.
  }

  km.receivers.providers = (answer) => {
    const isNews = !isTold || Object.keys(known).some((kind) => JSON.stringify(known[kind]) !== JSON.stringify(answer[kind]));
    if (!isNews) return; // a list that is open just now would close
    for (const kind of Object.keys(known)) known[kind] = answer[kind];
    isTold = known.choices.length > 1; // before the first worker has started nobody is known
    km.store.set(KEPT, JSON.stringify(known));
    for (const form of forms) form.draw();
  };
  const askAgain = () => {
    if (!document.hidden) forms.find((form) => form.box.offsetParent)?.ask();
  };
  document.addEventListener("visibilitychange", askAgain);
  setInterval(askAgain, AGAIN_MS); // a ComfyUI comes and goes while the page is open

  // `value` returns the chosen name, `choose` takes another; `told` is called when more is known.
  // `kind`: whose choices these are, those of who draws ("choices") or of who makes clips ("clips").
  km.providerChoice = (box, { id, trigger, value, choose, told, kind = "choices", title = "frame_provider" }) => {
    box.prepend(km.parse(FIELD));
    const label = box.querySelector(".title");
    label.textContent = km.say(title);
    label.htmlFor = id;
    const select = box.querySelector("select");
    select.id = id;
    const chosen = () => known[kind].find((one) => one.name === value());
    // Whoever makes clips is chosen by name: the first one that can, until the reader says otherwise.
    const otherwise = () => (kind === "choices" ? "auto" : known.clips.find((one) => one.is_ready)?.name || "auto");

    // Those that are not ready are there to be seen, with their reason.
    function draw() {
      if (isTold && kind === "clips" && !known.clips.some((one) => one.is_ready)) return drawNone();
      const listed = known[kind].length ? known[kind] : [{ name: "auto", label: km.say("frame_provider_auto"), is_ready: true }];
      const isListed = listed.some((one) => one.name === value());
      if (!isListed && isTold && value() !== otherwise()) return (choose(otherwise()), draw());
      const shown = isListed ? listed : [...listed, { name: value(), label: value() === "auto" ? km.say("frame_provider_auto") : value(), is_ready: true }];
      select.replaceChildren(...shown.map((one) => {
        const option = new Option(one.label, one.name, false, one.name === value());
        option.disabled = !one.is_ready && one.name !== value();
        option.title = one.reason || "";
        return option;
      }));
      return tell();
    }
    function drawNone() {
      const none = new Option(km.say("clip_workflow_none"), "", false, true);
      select.replaceChildren(none, ...known.clips.map((one) => new Option(one.label, one.name)));
      for (const option of select.options) option.disabled = true;
      tell();
    }
    // Where only the built-in renderer can draw there is nothing to choose.
    const isAlone = () => kind === "choices" && !known.choices.some((one) => one.name !== "auto" && one.is_ready && !one.is_built_in) && chosen()?.is_ready !== false;
    function tell() {
      box.classList.toggle("is-alone", isAlone());
      box.querySelector("[data-note]").textContent = chosen()?.note || "";
      box.querySelector("[data-waits]").textContent = chosen()?.waits || "";
      told();
    }
    select.addEventListener("change", () => (choose(select.value), tell()));

    const ask = () => {
      if (Date.now() - askedAt < FRESH_MS) return;
      askedAt = Date.now();
      trigger("list_providers", {});
    };
    const form = {
      box, draw, ask, isAlone, chosen,
      isTold: () => isTold,
      all: () => known[kind],
      cost: (count) => cost(chosen(), count),
    };
    forms.push(form);
    new IntersectionObserver((seen) => {
      if (seen.some((entry) => entry.isIntersecting)) ask();
    }).observe(box);
    ask();
    return form;
  };

  function cost(one, count) {
    if (!one) return "";
    if (!one.is_paid) return km.say("frame_cost_free");
    if (!one.price) return km.say("frame_cost_unknown");
    const facts = { count, price: money(one.price, one.price.amount), total: money(one.price, count * one.price.amount) };
    return km.say(count > 1 ? "frame_cost_many" : "frame_cost_one", facts);
  }
  function money(price, amount) {
    const cents = Math.round(amount * 100) / 100;
    return price.before + (Math.abs(cents - amount) < 1e-9 || amount >= 1 ? amount.toFixed(2) : String(Number(amount.toFixed(4)))) + price.after;
  }
})();
