// The picture of the map: India's outline, a bubble for each pincode, their names, and the card of the one that is looked at.
// Drawn by Leaflet on a canvas, without tiles: nothing is asked of anybody else.
"use strict";

window.homeservePicture = (open) => {
  const box = document.getElementById("map");
  if (!box || !window.L) return null;
  const PINCODE = 0, NAME = 1, LAT = 2, LNG = 3, BOOKINGS = 4, GRADE = 5, NOBODY = 6, OVER = 7, FIGURES = 8, TOLD = 14;
  const TOGETHER_FROM = 300;
  const INDIA = [[6.5, 68], [37.2, 97.5]];
  const LARGEST = 26;
  const NAMES = 26;
  const CELLS_UP_TO = 400;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const card = document.getElementById("map-card");
  const announce = document.getElementById("announce");

  box.hidden = false;
  document.getElementById("map-zoom").hidden = false;
  const map = L.map(box, {
    zoomControl: false, attributionControl: false, keyboard: false, zoomSnap: 0.25, zoomDelta: 1, wheelPxPerZoomLevel: 90,
    minZoom: 3, maxZoom: 15, maxBounds: [[-12, 50], [50, 115]], fadeAnimation: false, zoomAnimation: false, inertia: !still,
  });
  for (const [name, order] of [["ground", 200], ["names", 620]]) map.createPane(name).style.zIndex = order;
  map.getPane("names").style.pointerEvents = "none";
  const ground = L.canvas({ pane: "ground", padding: 0.5 });
  const front = L.canvas({ padding: 0.3, tolerance: 3 });
  const states = L.geoJSON(null, { renderer: ground, interactive: false });
  const cells = L.layerGroup();
  const marks = L.layerGroup();
  const rings = L.layerGroup();
  let data = null;
  let items = [];
  let together = null;
  let here = null;
  let cellsOf = "";
  let colours = {};

  // --- Colours ---------------------------------------------------------------------------------------------------------

  // A custom property is text until something uses it: an element does.
  function readColours() {
    const probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);
    const names = ["heat-0", "heat-1", "heat-2", "heat-3", "heat-4", "map-land", "map-cell", "map-sea", "line-2", "ink", "ink-3", "accent"];
    colours = Object.fromEntries(names.map((name) => {
      probe.style.color = "var(--" + name + ")";
      return [name, getComputedStyle(probe).color];
    }));
    probe.remove();
    states.setStyle({ color: colours["line-2"], weight: 1, fillColor: colours["map-land"], fillOpacity: 1 });
    cells.eachLayer((cell) => cell.setStyle({ color: colours["map-cell"] }));
  }

  function repaint() {
    readColours();
    show(true);
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  new MutationObserver(repaint).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });

  // --- Bubbles ---------------------------------------------------------------------------------------------------------

  // The area says how much, so the radius is its root.
  function radius(bookings, most) {
    const unit = Math.min(8.5, LARGEST / Math.sqrt(most || 1)) * (box.clientWidth < 600 ? 0.8 : 1);
    return bookings ? Math.max(3.5, unit * Math.sqrt(bookings)) : 3;
  }

  function look(grade, nobody) {
    const quiet = grade < 2;
    const style = { renderer: front, weight: 1, color: quiet ? colours["ink-3"] : colours["map-land"], fillColor: colours["heat-" + grade], fillOpacity: 1 };
    if (grade < 0) return { ...style, color: colours["ink-3"], weight: 1.5, fillColor: colours["map-land"] };
    if (nobody) return { ...style, weight: 2.5, color: colours["heat-4"], dashArray: "4 3", fillColor: data.hollow ? colours["map-land"] : style.fillColor };
    return style;
  }

  function bubbleItem(one, most) {
    const before = (figure) => (one[figure] === "" ? "not measured" : data.before + " " + one[figure]);
    return {
      key: one[PINCODE], name: one[NAME] || one[PINCODE], sub: one[PINCODE], at: L.latLng(one[LAT], one[LNG]), bookings: one[BOOKINGS],
      radius: radius(one[BOOKINGS], most), isOver: one[OVER], style: look(one[GRADE], one[NOBODY]),
      facts: data.labels.map((label, number) => [label, one[FIGURES + 2 * number], before(FIGURES + 2 * number + 1)]),
      foot: (one[TOLD] ? "Told: " + one[TOLD] + ". " : "") + (one[NOBODY] ? "Nobody free. " : "") + "Press to open.",
      open: () => open(one[PINCODE]),
    };
  }

  function clusterItem([prefix, lat, lng, bookings, pincodes, over, grade, city], most) {
    return {
      key: prefix, name: city, sub: pincodes + (pincodes === 1 ? " pincode" : " pincodes"), at: L.latLng(lat, lng), bookings, isOver: over,
      radius: Math.max(9, 0.75 * radius(bookings, most)), style: look(grade, false),
      facts: [["Bookings", String(bookings), ""], ["Pincodes", String(pincodes), ""], ["Over a limit", String(over), ""]],
      foot: "Press to look closer.",
      open: () => {
        const members = data.bubbles.filter((one) => one[PINCODE].startsWith(prefix)).map((one) => [one[LAT], one[LNG]]);
        map.fitBounds(L.latLngBounds(members).pad(0.1), { maxZoom: 12 });
        box.focus({ preventScroll: true });
      },
    };
  }

  function isCrowded() {
    if (!data.clusters.length) return false;
    const view = map.getBounds();
    return data.bubbles.filter((one) => view.contains([one[LAT], one[LNG]])).length > TOGETHER_FROM;
  }

  function show(anew) {
    if (!data) return;
    const crowded = isCrowded();
    if (anew || crowded !== together) {
      together = crowded;
      const shown = crowded ? data.clusters : data.bubbles;
      const most = shown.reduce((least, one) => Math.max(least, one[crowded ? 3 : BOOKINGS]), 1);
      items = shown.map((one) => (crowded ? clusterItem(one, most) : bubbleItem(one, most))).sort((a, b) => b.radius - a.radius);
      marks.clearLayers();
      for (const item of items) {
        const mark = L.circleMarker(item.at, { ...item.style, radius: item.radius });
        mark.on("mouseover", () => tell(item)).on("mouseout", untell).on("click", () => choose(item));
        marks.addLayer(mark);
      }
      here = here && items.find((item) => item.key === here.key);
      drawCells();
    }
    drawRings();
    nameThem();
    if (here && document.activeElement === box) tell(here);
  }

  function choose(item) {
    here = item;
    drawRings();
    item.open();
  }

  function selected() {
    const pincode = new URLSearchParams(location.search).get("pincode");
    return pincode && items.find((item) => item.key === pincode);
  }

  function drawRings() {
    rings.clearLayers();
    const chosen = selected();
    const ring = (item, by, style) => rings.addLayer(L.circleMarker(item.at, { renderer: front, radius: item.radius + by, fill: false, interactive: false, ...style }));
    if (chosen) ring(chosen, 4, { color: colours.accent, weight: 2 });
    if (here && here !== chosen && document.activeElement === box) ring(here, 4, { color: colours.ink, weight: 2, dashArray: "2 3" });
  }

  // --- Names: over a limit first, then the largest; what would cover another is left out --------------------------------

  function nameThem() {
    const pane = map.getPane("names");
    pane.replaceChildren();
    const view = map.getPixelBounds();
    const origin = map.getPixelOrigin();
    const near = items.filter((item) => item.bookings && map.getBounds().contains(item.at));
    const spots = near.map((item) => ({ item, at: map.latLngToLayerPoint(item.at) }));
    const corner = view.min.subtract(origin);
    const size = map.getSize();
    const pen = (nameThem.pen = nameThem.pen || document.createElement("canvas").getContext("2d"));
    pen.font = "560 11px " + getComputedStyle(document.body).fontFamily;
    const taken = [];
    spots.sort((a, b) => Boolean(b.item.isOver) - Boolean(a.item.isOver) || b.item.bookings - a.item.bookings);
    for (const spot of spots.slice(0, 80)) {
      if (taken.length >= NAMES) break;
      const width = pen.measureText(spot.item.name).width + 6;
      const place = beside(spot, width).find((one) => isFree(one, spot, spots, taken, corner, size));
      if (!place) continue;
      taken.push(place);
      const label = document.createElement("span");
      label.className = "map-name";
      label.textContent = spot.item.name;
      label.setAttribute("aria-hidden", "true");
      pane.append(label);
      L.DomUtil.setPosition(label, L.point(place.left, place.top).round());
    }
  }

  function beside({ item, at }, width) {
    const r = item.radius + 2;
    return [
      [at.x - width / 2, at.y + r], [at.x - width / 2, at.y - r - 15], [at.x + r, at.y - 8], [at.x - r - width, at.y - 8],
    ].map(([left, top]) => ({ left, top, right: left + width, bottom: top + 15 }));
  }

  function isFree(place, spot, spots, taken, corner, size) {
    if (place.left < corner.x + 4 || place.right > corner.x + size.x - 4 || place.top < corner.y + 56 || place.bottom > corner.y + size.y - 22) return false;
    if (taken.some((one) => one.left < place.right && place.left < one.right && one.top < place.bottom && place.top < one.bottom)) return false;
    return !spots.some(({ item, at }) => {
      if (item === spot.item) return false;
      const x = Math.max(place.left, Math.min(at.x, place.right)) - at.x;
      const y = Math.max(place.top, Math.min(at.y, place.bottom)) - at.y;
      return x * x + y * y < item.radius * item.radius;
    });
  }

  // --- The areas nearest each place: each begins as a disc, and is cut half-way to its neighbours -----------------------

  function drawCells() {
    const places = together || data.bubbles.length > CELLS_UP_TO ? [] : data.bubbles;
    const key = places.map((one) => one[PINCODE]).join();
    if (key === cellsOf) return;
    cellsOf = key;
    cells.clearLayers();
    const points = places.map((one) => map.project([one[LAT], one[LNG]], 12));
    const nearest = points.map((point) => points.filter((one) => one !== point).map((one) => [point.distanceTo(one), one]).sort((a, b) => a[0] - b[0]));
    const gaps = nearest.filter((all) => all.length).map((all) => all[0][0]).sort((a, b) => a - b);
    const reach = 2.4 * (gaps[Math.floor(gaps.length * 0.6)] || 0);
    if (!reach) return;
    points.forEach((point, number) => {
      let shape = Array.from({ length: 20 }, (_, turn) => [point.x + reach * Math.cos(turn * Math.PI / 10), point.y + reach * Math.sin(turn * Math.PI / 10)]);
      for (const [distance, other] of nearest[number]) {
        if (distance > 2 * reach) break;
        if (distance > 0) shape = cut(shape, point, other);
      }
      const line = shape.map(([x, y]) => map.unproject([x, y], 12));
      cells.addLayer(L.polygon(line, { renderer: ground, interactive: false, weight: 1, color: colours["map-cell"], fill: false }));
    });
  }

  function cut(shape, point, other) {
    const middle = [(point.x + other.x) / 2, (point.y + other.y) / 2];
    const side = ([x, y]) => (x - middle[0]) * (other.x - point.x) + (y - middle[1]) * (other.y - point.y);
    const kept = [];
    shape.forEach((corner, number) => {
      const next = shape[(number + 1) % shape.length];
      const a = side(corner), b = side(next);
      if (a <= 0) kept.push(corner);
      if (a < 0 !== b < 0 && a !== b) kept.push([0, 1].map((axis) => corner[axis] + (next[axis] - corner[axis]) * (a / (a - b))));
    });
    return kept;
  }

  // --- The card --------------------------------------------------------------------------------------------------------

  function element(name, text, kind) {
    const made = document.createElement(name);
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }

  function tell(item) {
    const title = element("p", "");
    title.append(element("b", item.name), " ", element("span", item.sub, "q num"));
    const facts = element("dl", "", "facts facts--n sm");
    for (const [label, number, before] of item.facts) {
      const value = element("dd", "");
      value.append(element("b", number), " ", element("span", before, "q"));
      facts.append(element("dt", label), value);
    }
    card.replaceChildren(title, facts, element("p", item.foot, "xs q"));
    // Measured where nothing narrows it.
    card.style.left = "0";
    card.hidden = false;
    const at = map.latLngToContainerPoint(item.at);
    const right = at.x + item.radius + 12 + card.offsetWidth < box.clientWidth;
    const top = Math.min(Math.max(at.y - card.offsetHeight / 2, 8), box.clientHeight - card.offsetHeight - 8);
    card.style.left = Math.max(8, right ? at.x + item.radius + 10 : at.x - item.radius - 10 - card.offsetWidth) + "px";
    card.style.top = top + "px";
  }

  function untell() {
    if (here && document.activeElement === box) tell(here);
    else card.hidden = true;
  }

  // --- Keys ------------------------------------------------------------------------------------------------------------

  const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  // The nearest one that way: what lies aside of it counts as farther.
  function towards([x, y]) {
    const from = map.latLngToContainerPoint(here.at);
    let best = null;
    for (const item of items) {
      const to = map.latLngToContainerPoint(item.at).subtract(from);
      const ahead = to.x * x + to.y * y;
      if (item === here || ahead <= 0.5) continue;
      const cost = ahead + 2 * Math.abs(to.x * y - to.y * x);
      if (!best || cost < best.cost) best = { item, cost };
    }
    return best && best.item;
  }

  function stand(item) {
    here = item;
    if (!map.getBounds().pad(-0.05).contains(item.at)) map.panTo(item.at, { animate: false });
    drawRings();
    tell(item);
    announce.textContent = item.name + ", " + item.sub + ": " + item.facts.map(([label, number]) => label + " " + number).join(", ");
  }

  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !items.length) return;
    const first = () => selected() || items.find((item) => map.getBounds().contains(item.at)) || items[0];
    if (WAYS[event.key]) {
      const next = here ? towards(WAYS[event.key]) : first();
      if (next) stand(next);
    } else if (event.key === "Enter" || event.key === " ") {
      if (here) choose(here);
    } else if (event.key === "+" || event.key === "=") map.zoomIn(1);
    else if (event.key === "-") map.zoomOut(1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  box.addEventListener("focus", () => {
    if (box.matches(":focus-visible") && items.length && !here) here = selected() || null;
    if (here) stand(here);
  });
  box.addEventListener("blur", () => {
    card.hidden = true;
    drawRings();
  });

  // --- The view --------------------------------------------------------------------------------------------------------

  // What lies behind the legend is not seen: room is left for it.
  function india() {
    map.fitBounds(INDIA, { paddingTopLeft: [box.clientWidth < 600 ? 0 : 130, 40], paddingBottomRight: [0, box.clientWidth < 600 ? 130 : 10] });
  }

  function home() {
    const bounds = L.latLngBounds(data.bubbles.map((one) => [one[LAT], one[LNG]]));
    const isNarrow = box.clientWidth < 600;
    const aside = isNarrow ? 0 : 40;
    if (bounds.isValid()) map.fitBounds(bounds, { paddingTopLeft: [24 + aside, isNarrow ? 100 : 64], paddingBottomRight: [24 + aside, isNarrow ? 130 : 34], maxZoom: 13 });
    else india();
  }

  const press = (id, act) => document.getElementById(id).addEventListener("click", act);
  press("map-in", () => map.zoomIn(1));
  press("map-out", () => map.zoomOut(1));
  press("map-here", home);
  press("map-india", india);

  map.on("zoomstart", () => {
    map.getPane("names").replaceChildren();
    card.hidden = true;
  });
  map.on("moveend resize", () => show(false));

  function draw() {
    const isFirst = data === null;
    const city = data && data.city;
    data = JSON.parse(document.getElementById("map-data").textContent);
    if (isFirst) {
      readColours();
      home();
      for (const layer of [states, cells, marks, rings]) layer.addTo(map);
      fetch(box.dataset.outline)
        .then((answer) => answer.json())
        .then((outline) => {
          states.addData(outline);
          states.bringToBack();
          readColours();
        })
        .catch(() => {});
    }
    if (!isFirst && data.city !== city) home();
    show(true);
    box.dataset.drawn = data.day;
    if (isFirst) performance.mark("map-drawn");
  }

  return { draw };
};
