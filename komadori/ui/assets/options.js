// The options of a ComfyUI workflow: a form made of what its servers say of themselves.
(() => {
  const km = window.komadori;
  const ENDLESS = 1e9; // nodes have such limits where they want none

  // `chosen` returns what was chosen, by name; what is as the workflow has it is not among it.
  km.optionsForm = (box, { id, chosen, changed }) => {
    let fields = [];
    let drawn = "";
    const head = document.createElement("div");
    const title = document.createElement("span");
    const list = document.createElement("div");
    head.className = "options-head";
    title.className = "title";
    title.textContent = km.say("options_title");
    list.className = "options";
    const reset = km.button(km.say("option_reset"), () => {
      for (const name of Object.keys(chosen())) delete chosen()[name];
      drawn = "";
      draw(fields);
      changed();
      list.querySelector("input, select, textarea")?.focus();
    }, "as-link");
    head.append(title, reset);
    box.append(head, list);

    function draw(wanted) {
      fields = wanted;
      box.hidden = !fields.length;
      const now = JSON.stringify(fields);
      if (now !== drawn) {
        for (const name of Object.keys(chosen())) if (!fields.some((field) => field.name === name)) delete chosen()[name];
        list.replaceChildren(...fields.map(make));
        drawn = now;
      }
      reset.hidden = !Object.keys(chosen()).length;
    }

    function make(field) {
      const made = document.createElement("div");
      made.className = `field is-${field.kind}${field.is_long ? " is-long" : ""}`;
      made.dataset.field = `options.${field.name}`;
      const label = document.createElement("label");
      label.className = "title";
      label.textContent = field.label;
      label.htmlFor = `${id}-${field.name}`;
      const wrong = document.createElement("p");
      wrong.className = "wrong";
      wrong.setAttribute("role", "alert");
      const take = (value) => {
        if (value === undefined || value === field.default) delete chosen()[field.name];
        else chosen()[field.name] = value;
        wrong.textContent = "";
        reset.hidden = !Object.keys(chosen()).length;
        changed();
      };
      const [input, ...more] = kinds[field.kind](field, take);
      (input.matches("select, input, textarea") ? input : input.querySelector("select, input")).id = label.htmlFor;
      if (field.kind === "switch") label.prepend(input);
      made.append(label, ...(field.kind === "switch" ? [] : [input]), ...more, wrong);
      return made;
    }

    const kinds = {
      choice(field, take) {
        const select = document.createElement("select");
        const value = field.name in chosen() ? chosen()[field.name] : field.default;
        const isOwn = !field.choices.includes(field.default); // what the workflow has is not in the list
        if (isOwn) select.append(new Option(km.say("option_own"), "", false, value === field.default));
        field.choices.forEach((choice, index) => {
          const words = choice === field.default ? km.say("option_default", { value: choice }) : String(choice);
          select.append(new Option(words, index, false, choice === value));
        });
        select.addEventListener("change", () => take(select.value === "" ? undefined : field.choices[Number(select.value)]));
        const place = document.createElement("span");
        place.className = "choice";
        place.append(select);
        return [place];
      },
      switch(field, take) {
        const box = document.createElement("input");
        box.type = "checkbox";
        box.checked = Boolean(field.name in chosen() ? chosen()[field.name] : field.default);
        box.addEventListener("change", () => take(box.checked));
        return [box];
      },
      text(field, take) {
        const input = document.createElement(field.is_long ? "textarea" : "input");
        if (!field.is_long) input.type = "text";
        else input.rows = 2;
        input.maxLength = 2000;
        input.placeholder = field.default ?? "";
        input.value = chosen()[field.name] ?? "";
        input.addEventListener("input", () => take(input.value === "" ? undefined : input.value));
        return [input];
      },
      integer: number,
      number,
    };

    function number(field, take) {
      const input = document.createElement("input");
      input.type = "number";
      input.inputMode = field.kind === "integer" ? "numeric" : "decimal";
      if (field.minimum !== null) input.min = field.minimum;
      if (field.maximum !== null) input.max = field.maximum;
      input.step = field.step || (field.kind === "integer" ? 1 : "any");
      input.placeholder = field.default ?? "";
      input.value = chosen()[field.name] ?? "";
      input.addEventListener("input", () => take(input.value === "" ? undefined : Number(input.value)));
      const words = hintOf(field);
      if (!words) return [input];
      const hint = document.createElement("p");
      hint.className = "quiet";
      hint.textContent = words;
      return [input, hint];
    }

    // The default is said besides: its place in the field is taken as soon as something is written.
    function hintOf(field) {
      const near = (limit) => (limit !== null && Math.abs(limit) < ENDLESS ? limit : null);
      const range = rangeOf({ minimum: near(field.minimum), maximum: near(field.maximum) });
      if (field.default === null) return range;
      const value = written(field.default);
      return range ? km.say("option_hint", { range, value }) : km.say("option_hint_default", { value });
    }

    function rangeOf({ minimum, maximum }) {
      const least = written(minimum ?? 0);
      const most = written(maximum ?? 0);
      if (minimum !== null && maximum !== null) return km.say("option_range", { least, most });
      if (minimum !== null) return km.say("option_least", { least });
      return maximum === null ? "" : km.say("option_most", { most });
    }

    const written = (value) => value.toLocaleString("en", { maximumFractionDigits: 6 });

    // Says beside its field what cannot be; the server looks at everything all the same.
    function faults() {
      const found = [];
      for (const field of fields) {
        const value = chosen()[field.name];
        if (typeof value !== "number") continue;
        const isOut = (field.minimum !== null && value < field.minimum) || (field.maximum !== null && value > field.maximum);
        if (field.kind === "integer" && !Number.isInteger(value)) found.push([`options.${field.name}`, km.say("option_whole")]);
        else if (isOut) found.push([`options.${field.name}`, km.say("option_out", { range: rangeOf(field) })]);
      }
      return found;
    }

    return { draw, faults };
  };
})();
