// A page as it came beside the page as it should look, in two frames. docs/adr/0044 says why they are made like this: a
// frame runs no script, is of our origin, so that fonts and drawings load, and gets its inline styles from here, since the
// Content-Security-Policy that it inherits from us allows none in markup.

import { remember } from "./bounds.js";
import { make } from "./elements.js";
import { findOwn, nameAsset } from "./judge.js";
import { parsePage } from "./links.js";

const WIDTH = 1280;
const HEIGHT = 800;
const WHOLE_PAGES = 64;
const UNWANTED =
  'script, noscript, base, meta[http-equiv], link[rel~="preload"], link[rel~="modulepreload"], link[rel~="icon"], link[rel~="manifest"]';

const prepare = (html) => {
  const page = parsePage(html);
  const sheets = [...page.querySelectorAll('script[type="text/x-lab-style"]')].map((script) => script.textContent);
  for (const element of page.querySelectorAll(UNWANTED)) element.remove();
  for (const image of page.querySelectorAll("[loading]")) image.removeAttribute("loading");
  return { markup: `<!doctype html>${page.documentElement.outerHTML}`, sheets };
};

const dress = (frame, sheets) => {
  const inside = frame.contentDocument;
  for (const element of inside.querySelectorAll("[data-lab-style]")) element.style.cssText = element.dataset.labStyle;
  inside.adoptedStyleSheets = sheets.map((text) => {
    const sheet = new frame.contentWindow.CSSStyleSheet();
    sheet.replaceSync(text);
    return sheet;
  });
};

const makeFrame = (html, title) => {
  const { markup, sheets } = prepare(html);
  const frame = make("iframe", {
    sandbox: "allow-same-origin",
    title,
    inert: true,
    tabindex: "-1",
    width: WIDTH,
    height: HEIGHT,
  });
  frame.addEventListener("load", () => dress(frame, sheets));
  frame.srcdoc = markup;
  return frame;
};

// A page whose assets are those that its own release was built with.
const putRight = (html, run, release) => {
  const path = new URL(run.static).pathname;
  const urls = new RegExp(`(?:${escape(new URL(run.static).origin)})?${escape(path)}[^"'()<>\\s,]+`, "g");
  return html.replace(urls, (url) => {
    const name = nameAsset(run, new URL(url, run.static).href);
    const own = name && findOwn(run, name, release);
    return own ? `${path}${own}` : url;
  });
};
const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

export class Frames {
  whole = new Map();

  constructor(place) {
    this.place = place;
    this.figures = [...place.querySelectorAll("figure")];
    this.sizes = new ResizeObserver(() => this.fit());
    for (const figure of this.figures) this.sizes.observe(figure);
  }

  // Keep what a page looked like when it was whole: an error page does not tell what belongs in its place.
  note({ conclusion, page, path, html }) {
    if (conclusion === "whole" && page.release) remember(this.whole, `${page.release} ${path}`, html, WHOLE_PAGES);
  }

  // The page as it should have come; null where nobody can tell.
  findRight({ page, path, html }, run) {
    if (page.status === 200 && run.records.has(page.release)) return putRight(html, run, page.release);
    return this.whole.get(`${page.release} ${path}`) ?? null;
  }

  showBroken(visit, run) {
    const { page, path, html, conclusion } = visit;
    const right = this.findRight(visit, run);
    const name = `${page.release ?? "no release"} ${path}`;
    const came = page.error ? `nothing came (${page.error})` : `answered ${page.status}`;
    const what = conclusion === "whole" ? "as it came, whole" : "as visitors got it";
    this.show(
      { html: page.error ? "" : html, title: `${name} ${what}`, words: `${name} ${what}: ${came}`, state: conclusion },
      {
        html: right,
        title: `${name} as it should look`,
        words: right
          ? `${name} as it should look`
          : `${name} has not come whole since this page was opened, so nobody can show it`,
        state: "whole",
      },
    );
  }

  show(...pictures) {
    pictures.forEach(({ html, title, words, state }, index) => {
      const [screen, caption] = this.figures[index].children;
      this.put(screen, html ? makeFrame(html, title) : null);
      caption.textContent = words;
      this.figures[index].dataset.state = state;
    });
    this.place.hidden = false;
    this.fit();
  }

  // The old picture stays until the new one is there.
  put(screen, frame) {
    if (!frame) return screen.replaceChildren();
    frame.addEventListener(
      "load",
      () => {
        while (screen.firstElementChild !== frame) screen.firstElementChild.remove();
        this.fit();
      },
      { once: true },
    );
    screen.append(frame);
  }

  // The frames are as wide as a desktop's window, and shown smaller.
  fit() {
    for (const figure of this.figures) {
      const [screen] = figure.children;
      const scale = screen.clientWidth / WIDTH;
      screen.style.height = `${HEIGHT * scale}px`;
      for (const frame of screen.children) frame.style.transform = `scale(${scale})`;
    }
  }

  clear() {
    this.whole.clear();
    this.place.hidden = true;
    for (const figure of this.figures) figure.children[0].replaceChildren();
  }
}
