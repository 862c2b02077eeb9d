// Who draws: the choice that both forms offer, what is known of the chosen one, and what it costs.
(() => {
  const km = window.komadori;
  const FRESH_MS = 10_000;
  const KEPT = `providers_${km.language}`; // what was told last stands until the server answers
  const FIELD = `
    <label class="title" data-words="frame_provider"></label>
    <span class="choice"><select></select></span>
    <p class="quiet" data-note></p>`;
  const forms = [];
  let askedAt = 0;
  let isTold = false;
  let choices = [];
  try {
    choices = JSON.parse(km.store.get(KEPT)) || [];
  } catch {
    // Nothing was told yet.
  }

  km.receivers.providers = (answer) => {
    choices = answer.choices;
    isTold = choices.length > 1; // before the first worker has started nobody is known
    km.store.set(KEPT, JSON.stringify(choices));
    for (const form of forms) form.draw();
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) forms.find((form) => form.box.offsetParent)?.ask();
  });

  // `value` returns the chosen name, `choose` takes another; `told` is called when more is known.
  km.providerChoice = (box, { id, trigger, value, choose, told }) => {
    box.prepend(km.parse(FIELD));
    const title = box.querySelector(".title");
    title.textContent = km.say(title.dataset.words);
    title.htmlFor = id;
    const select = box.querySelector("select");
    select.id = id;
    const chosen = () => choices.find((one) => one.name === value());

    // Those that are not ready are there to be seen, with their reason.
    function draw() {
      const known = choices.length ? choices : [{ name: "auto", label: km.say("frame_provider_auto"), is_ready: true }];
      const isKnown = known.some((one) => one.name === value());
      if (!isKnown && isTold) return (choose("auto"), draw());
      const shown = isKnown ? known : [...known, { name: value(), label: value(), is_ready: true }];
      select.replaceChildren(...shown.map((one) => {
        const option = new Option(one.label, one.name, false, one.name === value());
        option.disabled = !one.is_ready && one.name !== value();
        return option;
      }));
      return tell();
    }
    // Where only the built-in renderer can draw there is nothing to choose.
    const isAlone = () => !choices.some((one) => one.name !== "auto" && one.is_ready && !one.is_built_in) && chosen()?.is_ready !== false;
    function tell() {
      box.classList.toggle("is-alone", isAlone());
      box.querySelector("[data-note]").textContent = chosen()?.note || "";
      told();
    }
    select.addEventListener("change", () => (choose(select.value), tell()));

    const ask = () => {
      if (Date.now() - askedAt < FRESH_MS) return;
      askedAt = Date.now();
      trigger("list_providers", {});
    };
    const form = { box, draw, ask, isAlone, cost: (count) => cost(chosen(), count) };
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
