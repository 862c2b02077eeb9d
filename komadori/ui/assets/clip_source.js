// What a clip begins with: an uploaded picture, or pictures of one of the session's jobs, one clip for each.
(() => {
  const km = window.komadori;

  // `source` holds picture, or job and panels; `list` asks the server for what there is to choose from.
  km.clipSource = (box, { source, changed, list }) => {
    let groups = [];
    box.append(...km.parse('<p class="quiet" data-none></p><ol class="shelf"></ol>').childNodes);
    const none = box.querySelector("[data-none]");
    const shelf = box.querySelector(".shelf");
    none.textContent = km.say("clip_recent_none");

    const group = () => groups.find((one) => one.job === source.job);
    const pictureOf = (number) => group()?.pictures.find((one) => one.number === number)?.picture;

    km.receivers.clip_pictures = (answer) => {
      const isNews = JSON.stringify(groups) !== JSON.stringify(answer.groups);
      const before = JSON.stringify(source);
      groups = answer.groups;
      const known = group();
      // A whole storyboard was taken before its pictures were known here; a redrawn one may be gone.
      if (known && source.panels === null) source.panels = known.pictures.map((one) => one.number);
      if (source.job && source.job === answer.job && !known) Object.assign(source, { job: "", panels: [], face: "" });
      if (known) source.face = pictureOf(source.panels[0]) || "";
      const isOther = JSON.stringify(source) !== before;
      if (isNews || isOther) draw();
      if (isOther) changed();
    };

    function draw() {
      none.hidden = groups.length > 0;
      shelf.hidden = !groups.length;
      shelf.replaceChildren(...groups.map(row));
    }

    function row(one) {
      const made = document.createElement("li");
      const title = one.title || km.say("clip_recent_other");
      const head = document.createElement("div");
      const words = document.createElement("span");
      words.textContent = title;
      words.title = title;
      head.append(words);
      const numbers = one.pictures.map(({ number }) => number);
      const chosen = one.job === source.job ? source.panels || [] : [];
      if (numbers.length > 1) {
        const isAll = chosen.length === numbers.length;
        const all = km.button(isAll ? km.say("clip_none") : km.say("clip_all", { count: numbers.length }), () => take(one, isAll ? [] : numbers), "as-link");
        head.append(all);
      }
      const pictures = document.createElement("div");
      pictures.className = "pictures";
      pictures.append(...one.pictures.map(({ number, picture }) => {
        const isChosen = chosen.includes(number);
        const cell = km.button("", () => {
          const others = chosen.filter((other) => other !== number);
          take(one, isChosen ? others : [...others, number].sort((a, b) => a - b));
          shelf.querySelector(`[data-pick="${one.job}-${number}"]`)?.focus();
        }, "pick");
        cell.dataset.pick = `${one.job}-${number}`;
        cell.setAttribute("aria-pressed", String(isChosen));
        cell.setAttribute("aria-label", km.say("clip_picture", { number, title }));
        const image = document.createElement("img");
        image.src = `/files/${encodeURIComponent(picture)}/thumb`;
        image.alt = "";
        image.loading = "lazy";
        cell.append(image);
        return cell;
      }));
      made.append(head, pictures);
      return made;
    }

    function take(one, panels) {
      Object.assign(source, { picture: "", job: panels.length ? one.job : "", panels });
      source.face = panels.length ? pictureOf(panels[0]) : "";
      draw();
      changed();
    }

    new IntersectionObserver((seen) => {
      if (seen.some((entry) => entry.isIntersecting)) list(source.job);
    }).observe(box);
    list(source.job);
    draw();
    return {
      draw,
      ask: () => list(source.job),
      count: () => (source.picture ? 1 : source.job ? source.panels?.length || 0 : 0),
    };
  };
})();
