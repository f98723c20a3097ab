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

  const place = (body, rows) => {
    const held = document.createDocumentFragment();
    held.append(...rows);
    body.append(held);
  };

  const handy = (table) => {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...body.rows];
    const numeric = (column) => heads[column].classList.contains("num");

    // ---- the order: one way, the other, as it came

    const turn = (column, way) => {
      heads.forEach((head) => head.removeAttribute("aria-sort"));
      if (way) heads[column].setAttribute("aria-sort", way);
      place(body, way ? ordered(rows, column, numeric(column), way === "descending") : rows);
      choice.value = way ? column : "";
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

    const field = make("input", { type: "search", autocomplete: "off" });
    const count = make("span", { className: "count" });
    const bar = make("div", { className: "tools" });
    let pressed = null;
    let texts = null;
    const counted = (left) => {
      const all = rows.length.toLocaleString("en");
      if (left === rows.length) return `${all} rows`;
      return left ? `${left.toLocaleString("en")} of ${all} rows` : `None of ${all} rows`;
    };
    const sift = () => {
      texts ??= rows.map((row) => plain(row.textContent));
      const wanted = plain(field.value).split(/\s+/).filter(Boolean);
      let left = 0;
      rows.forEach((row, place) => {
        const shown = (!pressed || pressed(row)) && wanted.every((word) => texts[place].includes(word));
        if (row.hidden === shown) row.hidden = !shown;
        left += shown;
      });
      count.textContent = counted(left);
      bar.classList.toggle("sifted", left < rows.length);
    };
    let waiting = 0;
    field.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(sift, rows.length > 500 ? 120 : 0);
    });
    if (rows.length > 11) {
      const about = table.caption?.textContent;
      if (about) field.setAttribute("aria-label", `Filter rows: ${about}`);
      count.setAttribute("role", "status");
      count.textContent = counted(rows.length);
      bar.append(make("label", {}, "Filter rows ", field), count);
    }
    bar.append(make("label", { className: "order" }, "Sort by ", choice));
    table.before(bar);

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
        sift();
      });
      tile.replaceChildren(button);
      return button;
    });
  };

  for (const table of document.querySelectorAll(".mailauth table")) {
    if (table.tHead && table.tBodies[0]?.rows.length > 2) handy(table);
  }

  // ---- the contents follow the reader: beside the page where there is room, else folded into a line on top

  const nav = document.querySelector("nav");
  if (nav) {
    const fold = nav.querySelector("details");
    const here = nav.querySelector(".here");
    const roomy = matchMedia("(min-width: 84rem)");
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
      const passed = heads.filter((head) => head.getBoundingClientRect().top < 160).pop();
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(passed?.id)?.setAttribute("aria-current", "true");
      here.textContent = passed?.textContent ?? "";
    };
    addEventListener("scroll", () => (asked ||= requestAnimationFrame(follow)), { passive: true });
    follow();
  }

  // ---- paper

  // What is folded on the screen is unfolded on paper, unless it is longer than a page.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll(":is(.twin, .brief):not([open])")];
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
  reachable();
})();
