/* Draws the charts of the report and the notebook. plotly.js stands packed (gzip, base64) near the foot; nothing is ever fetched. */
(function () {
  "use strict";
  if (window.modelglassPlotly) { return; }

  var FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif';
  var PRINT_WIDTH = 680;      // px at 96 dpi: fits A4 and Letter with the margins of the print style
  var PRINT_HEIGHT = 880;     // px: a taller chart is pressed into one page rather than cut
  var items = [], printing = false;

  function unpack(text) {
    if (typeof DecompressionStream === "undefined") {
      return Promise.reject(new Error("This browser cannot unpack the charts: it has no DecompressionStream. Use a version from 2023 or later."));
    }
    var bytes = Uint8Array.from(atob(text), function (c) { return c.charCodeAt(0); });
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  function run(code) {        // executed by an inserted script, so that no eval is needed; another Plotly of the page is left alone
    var before = window.Plotly, script = document.createElement("script");
    script.textContent = code;
    document.head.appendChild(script);
    script.remove();
    var ours = window.Plotly;
    if (before) { window.Plotly = before; }
    if (!ours) { throw new Error("The charts' library did not start."); }
    return ours;
  }

  function ink(element) {     // the text colour of the place decides: works in the report, JupyterLab, VS Code, light and dark
    if (printing) { return [24, 28, 36]; }
    var canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    var pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.fillStyle = getComputedStyle(element).color;
    pen.fillRect(0, 0, 1, 1);
    return Array.prototype.slice.call(pen.getImageData(0, 0, 1, 1).data, 0, 3);
  }

  function theme(element, given) {
    var c = ink(element), dark = c[0] + c[1] + c[2] > 390;
    function tint(alpha) { return "rgba(" + c.join(",") + "," + alpha + ")"; }
    var axis = { gridcolor: tint(0.12), linecolor: tint(0.4), zerolinecolor: tint(0.35), tickcolor: tint(0.4), automargin: true };
    var own = (given && given.layout) || {}, clear = "rgba(0,0,0,0)";
    function over(name) {
      var base = own[name] || {};
      return Object.assign({}, base, axis, { title: Object.assign({}, base.title, { font: { size: 12.5 } }) });
    }
    return { data: (given && given.data) || {}, layout: Object.assign({ margin: { t: 36, r: 16, b: 48, l: 56 } }, own, {
      font: { family: FONT, size: 12.5, color: tint(1) }, paper_bgcolor: clear, plot_bgcolor: clear,
      xaxis: over("xaxis"), yaxis: over("yaxis"), legend: Object.assign({}, own.legend, { bgcolor: clear }),
      hoverlabel: { bgcolor: dark ? "#262b34" : "#ffffff", bordercolor: tint(0.35), font: { color: tint(1), family: FONT } },
      modebar: { bgcolor: clear, color: tint(0.45), activecolor: tint(0.9) }
    }) };
  }

  function neutral(value, flip) {   // a grey or black line chosen for white paper is turned round on a dark page
    var m = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(value), p;
    if (value === "black") { p = [0, 0, 0]; } else if (m) {
      var h = m[1].length === 3 ? m[1].replace(/./g, "$&$&") : m[1];
      p = [0, 2, 4].map(function (i) { return parseInt(h.substr(i, 2), 16); });
    } else { m = /^rgba?\((\d+),\s*(\d+),\s*(\d+)(,\s*[\d.]+)?\)$/.exec(value); p = m && [+m[1], +m[2], +m[3]]; }
    if (!flip || !p || Math.max.apply(0, p) - Math.min.apply(0, p) > 28 || p[0] > 190) { return value; }
    var turned = p.map(function (v) { return Math.min(235, 265 - v); }).join(",");
    return m && m[4] ? "rgba(" + turned + m[4] + ")" : "rgb(" + turned + ")";
  }

  function recolour(part, flip) {
    if (Array.isArray(part)) { return part.length > 200 ? part : part.map(function (v) { return recolour(v, flip); }); }
    if (!part || typeof part !== "object" || "bdata" in part) { return part; }
    var copy = {};
    Object.keys(part).forEach(function (key) {
      var value = part[key];
      copy[key] = typeof value === "string" && /color$/.test(key) ? neutral(value, flip) : recolour(value, flip);
    });
    return copy;
  }

  function seenLetters(text) { return text.replace(/<[^>]*>/g, "").length; }

  function wrapped(text, letters) {   // break a line that is too long at blanks, not inside a tag; lines that fit stay as they are
    var lines = String(text).split(/<br\s*\/?>/);
    if (lines.every(function (line) { return seenLetters(line) <= letters; })) { return lines.join("<br>"); }
    var made = "", line = 0;
    (lines.join(" ").match(/\s+|(?:<[^>]*>|[^\s<])+|</g) || []).forEach(function (piece) {
      if (/^\s/.test(piece)) { return; }
      var length = seenLetters(piece), broken = line && line + 1 + length > letters;
      made += (line ? (broken ? "<br>" : " ") : "") + piece;
      line = broken || !line ? length : line + 1 + length;
    });
    return made;
  }

  function panels(layout) {           // how many charts stand side by side in a figure
    var starts = {};
    Object.keys(layout).forEach(function (key) {
      if (/^xaxis\d*$/.test(key) && layout[key].domain) { starts[layout[key].domain[0].toFixed(3)] = 1; }
    });
    return Object.keys(starts).length || 1;
  }

  function narrow(layout, data, wide, seen, named) {   // make a figure laid out for a wide page fit a phone or a column
    var letters = Math.floor(wide / 7), title = layout.title, lines;
    if (title && title.text) {
      title.text = wrapped(title.text, Math.floor(seen / 8.4));
      lines = title.text.split("<br>").length - 1;
      layout.margin = Object.assign({}, layout.margin, { t: ((layout.margin || layout.template.layout.margin || {}).t || 44) + 17 * lines });
    }
    Object.keys(layout).forEach(function (key) {
      if (/^xaxis\d*$/.test(key) && layout[key].title && layout[key].title.text) {
        layout[key].title.text = wrapped(layout[key].title.text, letters * 0.72 / panels(layout));
      }
    });
    (data || []).forEach(function (trace) {          // few numbers on an axis, so that they need not be turned upright
      var key = "xaxis" + (trace.xaxis || "x").slice(1), x = trace.x || [], place = layout[key] || (layout[key] = {});
      var numeric = trace.orientation === "h" || x.bdata || typeof x[0] === "number";
      if (numeric && !place.tickvals && !place.dtick && wide / panels(layout) < 480) { place.nticks = 4; }
    });
    (layout.annotations || []).forEach(function (note) {
      note.text = wrapped(note.text || "", (wide / 6.2 - 14) / panels(layout));
      if (note.font && note.font.size > 12) { note.font.size = 12; }
    });
    if (seen < 620 && named) {   // below the plot, where it cannot meet a title of two lines
      layout.legend = Object.assign({}, layout.legend,
        { orientation: "h", x: 0, xanchor: "left", y: 0, yref: "container", yanchor: "bottom" });
      layout.height += 22 * Math.ceil(named * 130 / seen);
    }
  }

  function width(item) {              // the width of its place; a figure of several panels scrolls in its box rather than being crushed
    if (printing) { return PRINT_WIDTH; }
    var count = item.figure ? panels(item.figure.layout || {}) : 1, least = count > 1 ? 220 + 140 * count : 0;
    return item.element.clientWidth && Math.max(item.element.clientWidth, least);
  }

  function render(Plotly, item) {
    var element = item.element, wide = width(item);
    if (!wide || !item.figure) { return null; }
    var c = ink(element), dark = c[0] + c[1] + c[2] > 390;
    if (!item.drawn) { element.textContent = ""; }
    var layout = recolour(item.figure.layout || {}, dark);
    layout.template = theme(element, layout.template);
    layout.width = wide;
    layout.height = printing ? Math.min(item.height, PRINT_HEIGHT) : item.height;
    layout.autosize = false;
    var seen = Math.min(wide, printing ? wide : element.clientWidth);
    if (seen < 760) {
      var named = (item.figure.data || []).filter(function (t) { return t.name && t.showlegend !== false; }).length;
      narrow(layout, item.figure.data, wide, seen, named > 1 || layout.showlegend ? named : 0);
    }
    element.style.width = printing ? PRINT_WIDTH + "px" : "";
    element.style.minHeight = "";
    item.drawn = [wide, c.join()].join("/");
    return Plotly.react(element, recolour(item.figure.data || [], dark), layout,
      { displaylogo: false, responsive: false, showTips: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] });
  }

  function say(item, text) {
    var note = item.element.querySelector(".mg-wait");
    if (note) { note.textContent = text; note.hidden = false; item.element.style.minHeight = ""; }
  }

  function adopt(item) {
    item.element = document.getElementById(item.id);
    if (!item.element) { return; }
    items.push(item);
    drawing = drawing.then(function () {
      return Promise.all([window.modelglassPlotly, item.packed ? unpack(item.packed).then(JSON.parse) : item.figure]);
    }).then(function (both) {
      item.figure = both[1];
      return item.drawn ? null : render(both[0], item);
    }).then(function () {
      new ResizeObserver(function () {
        clearTimeout(item.timer);
        item.timer = setTimeout(function () { refresh([item]); }, 120);
      }).observe(item.element);
      return new Promise(function (next) { setTimeout(next, 0); });
    }).catch(function (error) { say(item, "The chart could not be drawn. " + error.message + " Its numbers are in the table."); });
  }

  function refresh(which) {
    if (!loaded) { return; }
    which.forEach(function (item) {
      var wide = width(item);
      if (item.element.isConnected && item.drawn !== [wide, ink(item.element).join()].join("/")) { render(loaded, item); }
    });
  }
  function all() { refresh(items); }

  var loaded = null, drawing = Promise.resolve();
  window.modelglassPlotly = unpack("@PACKED@").then(run).then(function (plotly) { loaded = plotly; return plotly; });
  window.modelglassPlotly.catch(function () {});
  var waiting = window.modelglassFigures || [];
  window.modelglassFigures = { push: adopt };
  waiting.forEach(adopt);
  window.modelglassDrawn = function () { return drawing; };

  function opened(open) {
    document.querySelectorAll("details.mg-print").forEach(function (d) {
      if (open) { d.dataset.was = d.open ? "1" : ""; d.open = true; } else if ("was" in d.dataset) { d.open = d.dataset.was === "1"; }
    });
  }
  window.addEventListener("beforeprint", function () { if (!printing) { printing = true; opened(true); all(); } });
  window.addEventListener("afterprint", function () { printing = false; opened(false); all(); });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  window.matchMedia("print").addEventListener("change", all);
  new MutationObserver(function () { setTimeout(all, 60); }).observe(document.body || document.documentElement,
    { attributes: true, attributeFilter: ["class", "style", "data-jp-theme-light", "data-vscode-theme-kind"] });
})();
