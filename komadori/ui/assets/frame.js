// The stage of a first frame: drafts to approve, candidates to choose from, pictures that go on as clips.
(() => {
  const km = window.komadori;
  const tab = km.kindTab("frame", {
    submit: "#frame-draw",
    told: () => km.frameTell?.(),
    sent: () => km.frameSent?.(),
  });
  km.wantedFrame = tab.wanted;
  km.openFrame = tab.open;

  km.frameGhost = ({ width, height }) => {
    const ghost = document.querySelector("#frame-stage [data-ghost]");
    ghost?.style.setProperty("--w", width);
    ghost?.style.setProperty("--h", height);
  };

  km.frameStage = (element, trigger, props, watch) => {
    tab.stage(element, trigger, props, watch, {
      facts(what) {
        if (what !== "another") return {};
        const wish = element.querySelector("[data-wish]");
        const words = wish.value.trim();
        wish.value = "";
        return { wish: words };
      },
      acts: { clip: ({ job, number }) => km.clipOf({ job, panels: [number] }) },
    });
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.target.matches("[data-wish]")) return;
      event.preventDefault();
      element.querySelector('[data-do="another"]')?.click();
    });
  };
})();
