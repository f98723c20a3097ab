// Unpacks the chart library that travels in this page, and draws each figure that is no picture already.
"use strict";
(async () => {
  const figures = [...document.querySelectorAll("figure.chart")];
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const unpack = async () => {
    const packed = Uint8Array.from(atob(document.getElementById("library").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    if (!globalThis.Plotly) throw new Error("The chart library did not start.");
  };

  const inks = {
    light: { ink: "#1c1e21", grid: "#e1e4e8", line: "#8b929c", paper: "#ffffff" },
    dark: { ink: "#e3e6ea", grid: "#2c313a", line: "#7b8390", paper: "#1c2027" },
  };

  const inked = (layout, { ink, grid, line, paper }, narrow) => {
    const axis = (own) => ({ ...own, gridcolor: grid, linecolor: line, tickfont: { color: ink }, fixedrange: true });
    return {
      ...layout,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { ...layout.font, color: ink, size: narrow ? 11 : 13 },
      margin: { l: 4, r: narrow ? 8 : 20, t: 34, b: 4 },
      hoverlabel: { bgcolor: paper, bordercolor: line, font: { color: ink } },
      xaxis: axis(layout.xaxis),
      yaxis: axis(layout.yaxis),
    };
  };

  // A long account name may not push the bars off a telephone, nor the words of a mark run off it.
  const cut = (words) => (words.length > 20 ? words.slice(0, 19).replace(/&[^;]*$/, "") + "…" : words);
  const fitted = (layout, narrow) => {
    if (!narrow) return layout;
    const names = layout.yaxis?.ticktext?.map(cut);
    const annotations = layout.annotations?.map((note) => ({ ...note, text: cut(note.text) }));
    return { ...layout, annotations, yaxis: names ? { ...layout.yaxis, ticktext: names } : layout.yaxis };
  };

  const settings = { displayModeBar: false, displaylogo: false, responsive: true, showTips: false };

  const draw = async (figure) => {
    const { data, layout } = JSON.parse(figure.querySelector("script").textContent);
    const plot = figure.querySelector(".plot");
    plot.hidden = false;
    const show = () => {
      const narrow = plot.clientWidth < 520;
      return Plotly.react(plot, data, inked(fitted(layout, narrow), inks[dark.matches ? "dark" : "light"], narrow), settings);
    };
    await show();
    dark.addEventListener("change", show);
    await forPaper(figure, plot, data, layout);
  };

  // Paper is white and has its own width, so it gets a picture drawn for it.
  const forPaper = async (figure, plot, data, layout) => {
    const picture = new Image();
    const height = Number(plot.dataset.height);
    const sheet = { data, layout: { ...inked(layout, inks.light, false), width: 720, height } };
    picture.src = await Plotly.toImage(sheet, { format: "svg", width: 720, height });
    picture.className = "for-paper";
    picture.alt = "";
    plot.after(picture);
  };

  try {
    await unpack();
    for (const figure of figures) await draw(figure);
    document.documentElement.dataset.charts = "drawn";
  } catch (problem) {
    // A browser without what this needs shows the titles of these figures, and everything else of the page.
    figures.forEach((figure) => (figure.querySelector(".plot").hidden = true));
    document.documentElement.dataset.charts = "none";
  }
})();
