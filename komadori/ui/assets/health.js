// The servers' health: kept fresh while it is looked at; asks for the operator's password.
(() => {
  const km = window.komadori;
  const FRESH_MS = 2000;
  const LOST_MS = 10_000;

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-room]");
    if (!link) return;
    event.preventDefault();
    km.room(link.dataset.room);
  });

  km.health = (element, trigger, props, watch) => {
    const parts = {};
    for (const name of ["head", "servers", "foot"]) {
      parts[name] = document.createElement("div");
      parts[name].className = name;
      element.append(parts[name]);
    }
    let hours = Number(km.store.get("health_hours")) || 6;
    let asked = 0;

    function draw() {
      const value = props.value || {};
      if (value.head === undefined) return;
      asked = 0;
      km.patch(parts.head, km.parse(value.head));
      km.patch(parts.servers, km.parse(value.servers.join("")));
      km.patch(parts.foot, km.parse(value.foot));
    }

    const facts = () => ({ hours, mark: props.value?.mark || "" });
    function look() {
      asked = Date.now();
      trigger("look_at_health", facts());
    }
    const isSeen = () => !document.hidden && element.offsetParent;
    setInterval(() => isSeen() && Date.now() - asked > LOST_MS && look(), FRESH_MS);
    const lookAgain = () => isSeen() && look();
    new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && lookAgain()).observe(element);
    document.addEventListener("visibilitychange", lookAgain);

    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button) actions[button.dataset.do](button);
    });
    element.addEventListener(
      "toggle",
      ({ target }) => target.dataset.asks && target.open && trigger("show_tail", { incident: target.dataset.asks }),
      true,
    );

    const actions = {
      hours(button) {
        hours = Number(button.dataset.hours);
        km.store.set("health_hours", hours);
        for (const one of parts.head.querySelectorAll("[data-hours]")) one.setAttribute("aria-pressed", String(one === button));
        look();
      },
      lock: () => trigger("leave_operator", facts()),
      operate(button) {
        if (props.value.gate !== "open") return askToOperate(button);
        hold(button);
        return trigger("operate_server", { ...whatOf(button), ...facts() });
      },
      tail(button) {
        const incident = button.closest("[data-slot]").dataset.slot.slice("tail:".length);
        const send = (more) => trigger("show_tail", { incident, ...more });
        askPassword({ title: km.say("tail_title"), go: km.say("tail_open"), text: "tail_closed", send });
      },
    };
    const whatOf = (button) => ({ server: button.closest("[data-server]").dataset.server, verb: button.dataset.verb });
    function askToOperate(button) {
      const what = whatOf(button);
      const name = button.closest("[data-server]").querySelector("h3").textContent;
      const send = (more) => trigger("operate_server", { ...what, ...more, ...facts() });
      askPassword({ title: `${button.textContent} ${name}`, go: button.textContent, text: EFFECTS[what.verb], send });
    }
    // What was clicked answers at once and cannot be clicked twice.
    function hold(button) {
      button.disabled = true;
      button.dataset.held = "";
      setTimeout(() => {
        button.disabled = false;
        delete button.dataset.held;
      }, 1500);
    }

    let box = null;
    function askPassword({ title, go: goes, text: effect, send }) {
      box?.remove();
      const dialog = document.createElement("dialog");
      box = dialog;
      dialog.className = "km-dialog km-link km-operator";
      const isUnset = props.value.gate === "unset";
      dialog.append(...km.parse(isUnset ? UNSET : ASKING).childNodes);
      dialog.querySelector("h3").textContent = title;
      const close = dialog.querySelector(".close");
      close.setAttribute("aria-label", km.say("dialog_close"));
      close.addEventListener("click", () => dialog.close());
      dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
      dialog.addEventListener("close", () => dialog.remove());
      dialog.querySelector("p").textContent = km.say(isUnset ? "operator_how" : effect);
      document.body.append(dialog);
      dialog.showModal();
      if (isUnset) return;
      const form = dialog.querySelector("form");
      const field = form.querySelector("input");
      const go = form.querySelector("button");
      const wrong = form.querySelector(".wrong");
      const label = form.querySelector("label span");
      label.textContent = km.say("operator_password");
      go.textContent = goes;
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        if (!field.value || go.disabled) return field.focus();
        go.disabled = true;
        wrong.textContent = "";
        const { value: password } = field;
        return send({ password });
      });
      dialog.refuse = (words) => {
        go.disabled = false;
        wrong.textContent = words;
        field.select();
      };
      field.focus();
    }

    km.receivers.health = (answer) => {
      if (answer.do === "same") asked = 0;
      if (answer.do === "password") {
        const button = element.querySelector(`[data-server="${answer.server}"] [data-verb="${answer.verb}"]`);
        if (button) askToOperate(button);
      }
      if (answer.do === "asked") {
        box?.close();
        km.notice(answer.text, { seconds: 5 });
      }
      if (answer.do === "refused") {
        if (box?.open) box.refuse(answer.text);
        else km.notice(answer.text, { isError: true });
      }
    };
    km.receivers.tail = (answer) => {
      const slot = [...element.querySelectorAll("[data-slot]")].find((one) => one.dataset.slot === answer.to);
      if (!slot) return;
      km.patch(slot, km.parse(answer.html));
      const tail = slot.querySelector(".tail");
      if (tail) tail.scrollTop = tail.scrollHeight;
      if (tail && box?.open) {
        box.close();
        tail.focus();
        look(); // the gate is open now
      }
    };

    watch("value", draw);
    draw();
  };

  const CROSS = '<div class="side"><button type="button" class="close">×</button><h3></h3><p></p>';
  const UNSET = `${CROSS}<pre>KOMADORI_OPERATOR_PASSWORD='…' python app.py</pre></div>`;
  const ASKING = `${CROSS}<form><label><span></span><input type="password" autocomplete="off"></label><p class="wrong" role="alert"></p><button type="submit" class="is-primary"></button></form></div>`;
  const EFFECTS = {
    restart: "effect_restart",
    start: "effect_start",
    stop: "effect_stop",
    drain: "effect_drain",
    resume: "effect_resume",
    free: "effect_free",
  };
})();
