// Conveniences only: everything on the page can be read without this script.
"use strict";
(() => {
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // ---- tables

  const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  // Accents, capitals and full-width letters make no difference to whoever searches.
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  // Days and states carry a key, so that they are not sorted as words; a dash stands for nothing.
  const key = (cell) => cell.dataset.key ?? cell.textContent.trim().replace(/^–$/, "");

  const number = (words) => Number(words.replaceAll(",", ""));

  const ordered = (rows, column, numeric, down) => {
    const keyed = rows.map((row) => [key(row.cells[column]), row]);
    const compare = numeric ? (a, b) => number(a) - number(b) : words.compare;
    // What is empty comes last, whichever way the rest is turned.
    const sorted = ([a], [b]) => (a && b ? compare(a, b) * (down ? -1 : 1) : Boolean(b) - Boolean(a));
    return keyed.sort(sorted).map(([, row]) => row);
  };

  const said = (count) => `${count.toLocaleString("en")} ${count === 1 ? "row" : "rows"}`;

  // A browser lays out thousands of rows anew for each letter that is typed: so many are shown at a time.
  const [MANY, SCREENFUL] = [600, 200];

  const handy = (table) => {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...body.rows];
    const texts = new Map();
    const numeric = (column) => heads[column].classList.contains("num");
    const field = make("input", { type: "search", autocomplete: "off" });
    const count = make("span", { className: "count" });
    const bar = make("div", { className: "tools" });
    const more = make("button", { type: "button", className: "more" });
    let room = rows.length > MANY ? SCREENFUL : rows.length;
    let order = rows;
    let pressed = null;

    const text = (row) => texts.get(row) ?? texts.set(row, plain(row.textContent)).get(row);

    const draw = (most = room) => {
      const wanted = plain(field.value).split(/\s+/).filter(Boolean);
      const found = order.filter((row) => (!pressed || pressed(row)) && wanted.every((word) => text(row).includes(word)));
      body.replaceChildren(...found.slice(0, most));
      count.textContent = found.length < rows.length ? `${found.length.toLocaleString("en")} of ${said(rows.length)}` : said(rows.length);
      bar.classList.toggle("sifted", found.length < rows.length);
      more.hidden = found.length <= most;
      more.textContent = `Show more, ${said(found.length - most)} left`;
    };

    more.addEventListener("click", () => {
      const next = room;
      room += SCREENFUL;
      draw();
      // The button moves away; whoever uses the keyboard goes on at the first new row.
      const first = body.rows[next]?.cells[0];
      first?.setAttribute("tabindex", "-1");
      first?.focus({ preventScroll: true });
    });
    addEventListener("beforeprint", () => draw(rows.length));
    addEventListener("afterprint", () => draw());

    // ---- the order: one way, the other, as it came

    const turn = (column, way) => {
      heads.forEach((head) => head.removeAttribute("aria-sort"));
      if (way) heads[column].setAttribute("aria-sort", way);
      order = way ? ordered(rows, column, numeric(column), way === "descending") : rows;
      choice.value = way ? column : "";
      draw();
    };
    const next = { ascending: "descending", descending: "" };
    // On a telephone the heads are not shown, so the order is chosen from a list.
    const options = heads.map((head, column) => make("option", { value: column }, head.textContent));
    const choice = make("select", {}, make("option", { value: "" }, "as it came"), ...options);
    choice.addEventListener("change", () => {
      turn(Number(choice.value), choice.value && (numeric(choice.value) ? "descending" : "ascending"));
    });
    heads.forEach((head, column) => {
      const button = make("button", { type: "button" }, ...head.childNodes);
      head.replaceChildren(button);
      button.addEventListener("click", () => turn(column, next[head.getAttribute("aria-sort")] ?? "ascending"));
    });

    // ---- which rows

    let waiting = 0;
    field.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => draw(), rows.length > MANY ? 120 : 0);
    });
    if (rows.length > 11) {
      const about = table.caption?.textContent;
      if (about) field.setAttribute("aria-label", `Filter rows: ${about}`);
      count.setAttribute("role", "status");
      bar.append(make("label", {}, "Filter rows ", field), count);
    }
    if (rows.length > 5) bar.append(make("label", { className: "order" }, "Sort by ", choice));
    table.before(bar);
    table.after(more);
    draw();

    // A figure above all tenants shows the rows that it counts.
    const tiles = [...(table.closest(".fleet")?.querySelectorAll("[data-column]") ?? [])];
    const buttons = tiles.map((tile) => {
      const button = make("button", { type: "button" }, ...tile.childNodes);
      const { column, is } = tile.dataset;
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") === "false";
        buttons.forEach((other) => other.setAttribute("aria-pressed", String(on && other === button)));
        const chosen = (found) => (is ? found === is : Boolean(found) && found !== "0");
        pressed = on ? (row) => chosen(key(row.cells[column])) : null;
        draw();
      });
      tile.replaceChildren(button);
      return button;
    });
  };

  for (const table of document.querySelectorAll(".mailauth table")) {
    if (table.tHead && table.tBodies[0]?.rows.length > 2) handy(table);
  }

  // ---- folds that are open where there is room, and shut on a telephone

  const folds = [...document.querySelectorAll(".fold")];
  const broad = matchMedia("(min-width: 40.01rem)");
  const unfold = (some) => some.forEach((fold) => (fold.open = true));
  const fit = () => broad.matches && unfold(folds);
  // An older browser leads to a place in a fold and leaves the fold shut.
  const reveal = () => {
    const place = document.querySelector(":target");
    const shut = folds.filter((fold) => !fold.open && fold.contains(place));
    unfold(shut);
    if (shut.length) place.scrollIntoView();
  };
  folds.forEach((fold) => fold.classList.add("live"));
  broad.addEventListener("change", fit);
  addEventListener("hashchange", reveal);
  fit();
  reveal();

  // ---- the contents follow the reader: beside the page where there is room, else folded into a line on top

  const FOLDED = "details:not([open]) > :not(summary)";
  const nav = document.querySelector("nav");
  if (nav) {
    const fold = nav.querySelector("details");
    const here = nav.querySelector(".here");
    const roomy = matchMedia("(min-width: 88rem)");
    const links = new Map([...nav.querySelectorAll("a")].map((link) => [decodeURIComponent(link.hash.slice(1)), link]));
    const heads = [...links.keys()].map((name) => document.getElementById(name)).filter(Boolean);
    nav.classList.add("follows");
    nav.parentElement.prepend(nav);
    const fit = () => (fold.open = roomy.matches);
    roomy.addEventListener("change", fit);
    fit();
    nav.addEventListener("click", (event) => event.target.closest("a") && fit());
    nav.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || roomy.matches) return;
      fold.open = false;
      fold.firstElementChild.focus();
    });
    let asked = 0;
    const follow = () => {
      asked = 0;
      const passed = heads.filter((head) => !head.closest(FOLDED) && head.getBoundingClientRect().top < 160).pop();
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(passed?.id)?.setAttribute("aria-current", "true");
      here.textContent = passed?.textContent ?? "";
    };
    const later = () => (asked ||= requestAnimationFrame(follow));
    addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later);
    follow();
  }

  // ---- paper

  // What is folded on the screen is unfolded on paper, unless it is longer than a page.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll(":is(.twin, .brief, .fold):not([open])")];
    opened.forEach((fold) => (fold.open = true));
  });
  addEventListener("afterprint", () => opened.forEach((fold) => (fold.open = false)));

  // A table that is too wide scrolls, with the keyboard too; one that fits keeps its heads in sight.
  const reachable = () => {
    const boxes = [...document.querySelectorAll(".mailauth.table")];
    boxes.forEach((box) => box.classList.remove("fits"));
    const fitting = boxes.map((box) => box.scrollWidth <= box.clientWidth);
    boxes.forEach((box, number) => {
      box.classList.toggle("fits", fitting[number]);
      if (fitting[number]) box.removeAttribute("tabindex");
      else box.tabIndex = 0;
    });
  };
  addEventListener("resize", reachable);
  document.addEventListener("toggle", reachable, true);
  reachable();
})();
