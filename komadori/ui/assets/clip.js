// The stage of clips, and the ways that lead to their tab.
(() => {
  const km = window.komadori;
  const tab = km.kindTab("clip", {
    submit: "#clip-make",
    told: () => km.clipTell?.(),
    sent: () => km.clipSent?.(),
  });
  km.wantedClip = tab.wanted;
  km.openClip = tab.open;

  // Takes pictures of a job to the form: some by their numbers, or all that are drawn.
  let brought = null;
  km.clipOf = (source) => {
    brought = source;
    tab.turnHere();
    km.clipTake?.();
  };
  km.clipBrought = () => {
    const source = brought;
    brought = null;
    return source;
  };

  km.clipStage = (element, trigger, props, watch) => tab.stage(element, trigger, props, watch);
})();
