// Slots for pictures: chosen, dropped or pasted, sent to the server at once, shown as soon as they are.
(() => {
  const km = window.komadori;
  const MEGABYTE = 1024 * 1024;
  const PATIENCE_MS = 60_000;

  // `right` and `wrong` clear and tell what is wrong with a field, `keep` asks the server to keep an upload.
  km.pictureSlots = ({ sheet, upload, keep, right, wrong, changed }) => {
    const mostBytes = window.KOMADORI_LIMITS.frame.most_bytes;
    const slots = new Map();
    let count = 0;

    function make(place, title, get, set) {
      const id = `${place}-${(count += 1)}`;
      const box = document.createElement("span");
      box.className = "slot";
      const file = document.createElement("input");
      file.type = "file";
      file.accept = "image/*";
      file.hidden = true;
      const face = km.button("", () => file.click(), "face");
      const remove = km.button("×", () => (set(""), right(place), slot.draw(), changed(), face.focus()), "off");
      box.append(face, remove, file);
      let onItsWay = ""; // what is shown of it until the server has it
      let timer = 0;

      const slot = {
        id, box, isBusy: false,
        draw() {
          const picture = get();
          box.classList.toggle("is-busy", slot.isBusy);
          box.classList.toggle("is-full", Boolean(picture));
          show(face, onItsWay || (picture && `/files/${encodeURIComponent(picture)}/thumb`));
          face.setAttribute("aria-label", km.say(picture ? "frame_slot_replace" : "frame_slot_choose", { name: title() }));
          remove.setAttribute("aria-label", km.say("frame_slot_remove", { name: title() }));
          remove.hidden = !picture || slot.isBusy;
        },
        async take(one) {
          if (!one || slot.isBusy) return;
          right(place);
          if (one.size > mostBytes) return wrong(place, km.say("frame_slot_large", { most: mostBytes / MEGABYTE }));
          slot.isBusy = true;
          onItsWay = URL.createObjectURL(one);
          slot.draw();
          timer = setTimeout(lost, PATIENCE_MS);
          try {
            keep(id, place, (await upload(one)).path);
          } catch {
            lost();
          }
        },
        end(picture = "") {
          clearTimeout(timer);
          slot.isBusy = false;
          URL.revokeObjectURL(onItsWay);
          onItsWay = "";
          if (picture) {
            set(picture);
            changed();
          }
          slot.draw();
        },
      };
      function lost() {
        slot.end();
        wrong(place, km.say("reject_upload_missing"));
      }
      file.addEventListener("change", () => (slot.take(file.files[0]), (file.value = "")));
      slots.set(id, slot);
      slot.draw();
      return slot;
    }

    function show(face, source) {
      if ((face.firstElementChild?.getAttribute("src") || "") === source) return;
      const image = document.createElement("img");
      image.src = source;
      image.alt = "";
      image.addEventListener("error", () => image.remove());
      face.replaceChildren(...(source ? [image] : []));
    }

    const pictureIn = ({ files }) => [...files].find((one) => one.type.startsWith("image/")) || files[0];
    function at(node) {
      const box = node?.closest?.("[data-drop]")?.querySelector(".slot");
      return [...slots.values()].find((slot) => slot.box === box);
    }
    for (const kind of ["dragover", "dragleave", "drop"]) {
      sheet.addEventListener(kind, (event) => {
        const slot = at(event.target);
        for (const one of slots.values()) one.box.classList.toggle("is-over", kind === "dragover" && one === slot);
        if (!slot || !event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        if (kind === "drop") slot.take(pictureIn(event.dataTransfer));
      });
    }
    // What is pasted goes where the reader is; from anywhere else it is the place.
    document.addEventListener("paste", (event) => {
      if (!sheet.offsetParent || !event.clipboardData?.files.length) return;
      event.preventDefault();
      (at(document.activeElement) || [...slots.values()][0]).take(pictureIn(event.clipboardData));
    });

    return {
      make,
      get: (id) => slots.get(id),
      forget: (slot) => slots.delete(slot.id),
      areBusy: () => [...slots.values()].some((slot) => slot.isBusy),
    };
  };
})();
