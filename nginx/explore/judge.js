// The lab's checkers (scripts/lab/judge), for what a page can see of a stack of the lab. A run has `static`, the
// prefix of hashed assets, `records`, a Map by release, and `fetches`, whose fields are those of a history's lines.
// tests/browser/test_explore_judge.py gives both judges the same histories and compares what they say.

export const PASS = "PASS",
  FAIL = "FAIL",
  UNKNOWN = "UNKNOWN",
  NOT_APPLICABLE = "n/a";

// names, as scripts/lab/judge/names.py has them

const HASHED = /\.([0-9a-f]{12})(\.[^./]*)?$/;
const findHash = (name) => HASHED.exec(name)?.[1] ?? null;
export const removeHash = (name) => name.replace(HASHED, (_whole, _hash, extension) => extension ?? "");

const decode = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
const readPath = (url) => url.replace(/^[a-z]+:\/\/[^/?#]*/i, "").replace(/#.*$/s, "") || "/";

// The name of an asset under the static prefix; null for what lies elsewhere.
export const nameAsset = (run, url) =>
  run.static && url.startsWith(run.static) ? decode(url.slice(run.static.length).split("?")[0]) : null;
export const displayPage = readPath;
export const displayAsset = (run, url) => nameAsset(run, url) || readPath(url);

// evidence, as scripts/lab/judge/evidence.py words it

export const isRefused = (fetch) => fetch.error != null || [502, 503, 504].includes(fetch.status);
export const hasCome = (fetch) => fetch.status >= 200 && fetch.status < 300;
const isAsset = (fetch) => fetch.role === "asset" && fetch.how !== "absent";
const owns = (record, name) => Object.hasOwn(record.assets, name);
const describePage = (fetch) =>
  `${fetch.release ? `${fetch.release}'s` : "the"} page ${displayPage(fetch.page || fetch.url)}`;

const describeNeed = (run, fetch) => {
  const name = displayAsset(run, fetch.url);
  if (fetch.page) return `${name}, which ${describePage(fetch)} needs,`;
  if (fetch.how === "watch") return fetch.release ? `${name}, watched as ${fetch.release}'s,` : `${name}, watched,`;
  return `${name}, which no release has,`;
};

const fine = (index) => ({ index });
const doubt = (index, why) => ({ index, doubt: why });
const blame = (index, run, fetch, { kind, came, expected, sentence }) => ({
  index,
  evidence: {
    t: fetch.t,
    kind,
    release: fetch.release ?? null,
    page: fetch.page ? displayPage(fetch.page) : null,
    asset: fetch.role === "page" ? null : displayAsset(run, fetch.url),
    came,
    expected,
    sentence: `at ${fetch.t.toFixed(2)} s ${sentence}`,
  },
});

// what answers at all, as scripts/lab/judge/answers.py

const shorten = (text, width = 80) => {
  const line = text
    .replace(/<[^>]*(?:>|$)/g, " ")
    .split(/\s+/)
    .filter(Boolean)
    .join(" ");
  return line.length <= width ? line : `${line.slice(0, width - 1)}…`;
};

function* judgePages(run) {
  for (const [index, fetch] of run.fetches.entries()) {
    if (fetch.role !== "page" || isRefused(fetch)) continue;
    if (fetch.status === 200 || fetch.redirected_to) {
      yield fine(index);
      continue;
    }
    const came = `${fetch.status}${fetch.excerpt ? ` ("${shorten(fetch.excerpt)}")` : ""}`;
    const sentence = `${describePage(fetch)} answered ${came}; it should have answered 200`;
    yield blame(index, run, fetch, { kind: `${fetch.status}`, came, expected: "200", sentence });
  }
}

const leadsNowhere = (target, leads) => {
  const seen = new Set();
  while (leads.has(target) && !seen.has(target)) {
    seen.add(target);
    target = leads.get(target);
  }
  return leads.has(target);
};

const describeOwner = (run, name, release) => {
  const owners = [...run.records.values()].filter((record) => owns(record, name)).map((record) => record.release);
  if (owners.includes(release)) return ` (${release} was built with it)`;
  return owners.length ? ` (it is ${owners.join(" and ")}'s)` : " (no release was built with it)";
};

function* judgeAssets(run) {
  const leads = new Map(run.fetches.filter((each) => each.redirected_to).map((each) => [each.url, each.redirected_to]));
  for (const [index, fetch] of run.fetches.entries()) {
    if (!isAsset(fetch) || isRefused(fetch)) continue;
    const name = nameAsset(run, fetch.url);
    const target = fetch.redirected_to;
    if (target && name === null && !leadsNowhere(target, leads)) continue;
    if (hasCome(fetch)) {
      yield fine(index);
      continue;
    }
    const came = target ? `${fetch.status}, a redirect to ${target}` : `${fetch.status}`;
    const owner = name && run.records.size ? describeOwner(run, name, fetch.release) : "";
    const sentence = `${describeNeed(run, fetch)} answered ${came}${owner}; it should have answered 200`;
    yield blame(index, run, fetch, { kind: `${fetch.status}`, came, expected: "200", sentence });
  }
}

// Strictly: whether a cache may keep an answer at all.
const mayBeKept = (header) => {
  const directives = (header || "")
    .toLowerCase()
    .split(",")
    .map((part) => part.split("=")[0].trim());
  return directives.includes("immutable") || !directives.includes("no-store");
};

function* judgeMisses(run) {
  for (const [index, fetch] of run.fetches.entries()) {
    if (fetch.role !== "asset" || fetch.status == null || fetch.cached) continue;
    const header = fetch.cache_control;
    let expected = null;
    if (fetch.how === "absent" && fetch.status < 400) expected = "an error";
    else if (fetch.status >= 400 && mayBeKept(header)) expected = "no-store";
    if (!expected) {
      yield fine(index);
      continue;
    }
    const came = header ? `Cache-Control "${header}"` : "no Cache-Control";
    const sentence = `the answer ${fetch.status} for ${displayAsset(run, fetch.url)} came with ${came}; it should have been ${expected}`;
    yield blame(index, run, fetch, {
      kind: `${fetch.status}: ${header || "no Cache-Control"}`,
      came,
      expected,
      sentence,
    });
  }
}

function* judgeConnections(run) {
  for (const [index, fetch] of run.fetches.entries()) {
    if (fetch.cached) continue;
    if (!isRefused(fetch)) {
      yield fine(index);
      continue;
    }
    const met = fetch.error ? `failed (${fetch.error})` : `answered ${fetch.status}`;
    const subject = fetch.role === "page" ? describePage(fetch) : describeNeed(run, fetch);
    const sentence = `${subject} ${met} for visitor ${fetch.visitor}; it should have been answered`;
    const kind = fetch.error ? fetch.error.split(":")[0] : `${fetch.status}`;
    yield blame(index, run, fetch, { kind, came: fetch.error || `${fetch.status}`, expected: "an answer", sentence });
  }
}

// what came, as scripts/lab/judge/contents.py

// A release that was built with an asset, and the asset's source name.
export const findOwner = (run, name) => {
  for (const record of run.records.values()) {
    const source = Object.keys(record.paths).find((each) => record.paths[each] === name);
    if (source !== undefined) return [record.release, source];
  }
  return [null, null];
};

// What a release calls an asset that came under any release's name; null where it has no such file.
export const findOwn = (run, name, release) => {
  const record = run.records.get(release);
  if (!record || owns(record, name)) return record ? name : null;
  return record.paths[findOwner(run, name)[1] ?? removeHash(name)] ?? null;
};

const doubtRelease = (fetch) =>
  fetch.release ? `no record of release ${fetch.release}` : `no answer named the release of ${fetch.page || fetch.url}`;

const blameName = (index, run, fetch, name, record) => {
  const [owner, source] = findOwner(run, name);
  const own = record.paths[source ?? removeHash(name)];
  const came = owner ? `${owner}'s ${name}` : `${name}, which no release was built with`;
  const expected = own ? `${record.release}'s ${own}` : `no such file in ${record.release}`;
  const sentence =
    `${describeNeed(run, fetch)} answered ${fetch.status}, but is ${owner ? `of ${owner}` : "of no release"}; ` +
    `it should have been ${expected}`;
  return blame(index, run, fetch, { kind: `${owner ?? "no release"}'s ${fetch.how}`, came, expected, sentence });
};

const blameBody = (index, run, fetch, name, record) => {
  const digest = fetch.sha256;
  const bodies = [...run.records.values()].flatMap((each) =>
    Object.entries(each.assets).map(([other, asset]) => ({
      owner: `${each.release}'s ${other}`,
      sha256: asset.sha256,
    })),
  );
  const owner = bodies.find((each) => each.sha256 === digest)?.owner ?? "no release's";
  const came = `sha256 ${digest.slice(0, 12)}… (${owner})`;
  const expected = `sha256 ${record.assets[name].sha256.slice(0, 12)}…`;
  const sentence = `${describeNeed(run, fetch)} came with the body ${came}; it should have been ${expected}`;
  return blame(index, run, fetch, { kind: "another body", came, expected, sentence });
};

function* judgeReleases(run) {
  for (const [index, fetch] of run.fetches.entries()) {
    const name = isAsset(fetch) && hasCome(fetch) ? nameAsset(run, fetch.url) : null;
    if (name === null) continue;
    const record = run.records.get(fetch.release);
    if (!record) yield doubt(index, doubtRelease(fetch));
    else if (!owns(record, name)) yield blameName(index, run, fetch, name, record);
    else if (record.assets[name].sha256 == null) yield fine(index);
    else if (fetch.sha256 == null) yield doubt(index, `${name} was too big to be compared with its record`);
    else if (fetch.sha256 !== record.assets[name].sha256) yield blameBody(index, run, fetch, name, record);
    else yield fine(index);
  }
}

function* judgeBodies(run) {
  for (const [index, fetch] of run.fetches.entries()) {
    if (!isAsset(fetch) || !hasCome(fetch) || !fetch.md5) continue;
    const said = findHash(nameAsset(run, fetch.url) ?? "");
    if (!said) continue;
    const came = fetch.md5.slice(0, 12);
    if (came === said) {
      yield fine(index);
      continue;
    }
    const sentence = `${describeNeed(run, fetch)} came with a body of hash ${came}; by its name it should have been ${said}`;
    yield blame(index, run, fetch, { kind: displayAsset(run, fetch.url), came, expected: said, sentence });
  }
}

const excusePlainNames = (run) => {
  const names = [...run.records.values()].flatMap((record) => Object.keys(record.assets));
  return run.records.size && !names.some(findHash) ? "names carry no hash" : null;
};

// types, as scripts/lab/judge/mime.py

const JAVASCRIPT = new Set([
  "application/ecmascript",
  "application/javascript",
  "application/x-ecmascript",
  "application/x-javascript",
  "text/ecmascript",
  "text/javascript",
  "text/jscript",
  "text/livescript",
  "text/x-ecmascript",
  "text/x-javascript",
  ...[0, 1, 2, 3, 4, 5].map((minor) => `text/javascript1.${minor}`),
]);
const HTML = new Set(["text/html", "application/xhtml+xml"]);
const MODULES = new Set(["module", "modulepreload", "js-import", "js-dynamic", "import-map"]);
const STYLESHEETS = new Set(["stylesheet", "css-import"]);
const MAY_BE_PAGES = new Set(["object", "preload", "js-url", "attribute", "meta", "a", "area", "iframe", "frame"]);
const UNTOLD = new Set(["", "application/octet-stream", "binary/octet-stream"]);
const KINDS = {
  css: "css",
  js: "javascript",
  mjs: "javascript",
  cjs: "javascript",
  svg: "svg",
  json: "json",
  wasm: "wasm",
  html: "html",
  htm: "html",
  png: "image",
  jpg: "image",
  jpeg: "image",
  gif: "image",
  webp: "image",
  avif: "image",
  ico: "image",
  bmp: "image",
};
const FITS = {
  css: (essence) => essence === "text/css",
  javascript: (essence) => JAVASCRIPT.has(essence),
  svg: (essence) => essence === "image/svg+xml",
  json: (essence) => ["application/json", "text/json"].includes(essence) || essence.endsWith("+json"),
  wasm: (essence) => essence === "application/wasm",
  image: (essence) => essence.startsWith("image/") || UNTOLD.has(essence),
  html: () => true,
};
const TYPES = {
  css: "text/css",
  javascript: "text/javascript",
  svg: "image/svg+xml",
  json: "application/json",
  wasm: "application/wasm",
  image: "an image type",
};

const readExtension = (url) => {
  const name = readPath(url).split("?")[0].split("/").at(-1);
  return name.includes(".") ? name.split(".").at(-1).toLowerCase() : "";
};

const findClassicMisfit = (essence, nosniff) => {
  const blocked = /^(image|audio|video)\//.test(essence) || essence === "text/csv";
  return !JAVASCRIPT.has(essence) && (nosniff || blocked || HTML.has(essence)) ? TYPES.javascript : null;
};

// The type that should have come; null where a browser takes what came.
const findMisfit = ({ content_type, how, url, nosniff }) => {
  const essence = (content_type || "").split(";")[0].trim().toLowerCase();
  const extension = readExtension(url);
  let kind = Object.hasOwn(KINDS, extension) ? KINDS[extension] : null;
  if (STYLESHEETS.has(how)) kind = "css";
  else if (MODULES.has(how) && !["json", "css", "wasm"].includes(kind)) kind = "javascript";
  else if (how === "script") return findClassicMisfit(essence, nosniff);
  if (kind === null) return HTML.has(essence) && !MAY_BE_PAGES.has(how) ? "anything but a page" : null;
  return FITS[kind](essence) ? null : TYPES[kind];
};

function* judgeTypes(run) {
  for (const [index, fetch] of run.fetches.entries()) {
    if (!isAsset(fetch) || !hasCome(fetch)) continue;
    const expected = findMisfit(fetch);
    if (expected === null) {
      yield fine(index);
      continue;
    }
    const came = fetch.content_type || "no Content-Type";
    const sentence = `${describeNeed(run, fetch)} came as ${came}; it should have come as ${expected}`;
    yield blame(index, run, fetch, { kind: came, came, expected, sentence });
  }
}

// findings, as scripts/lab/judge/findings.py

export const CHECKERS = [
  { name: "page answers", promise: "every page answers 200", judge: judgePages },
  { name: "asset resolves", promise: "every asset that a page names is there", judge: judgeAssets },
  {
    name: "asset of its release",
    promise: "a page gets the assets that its own release was built with",
    judge: judgeReleases,
  },
  {
    name: "body matches hash",
    promise: "a hashed asset has the body that its name was made from",
    judge: judgeBodies,
    excuse: excusePlainNames,
  },
  { name: "type fits", promise: "an asset has a type that browsers accept for it", judge: judgeTypes },
  { name: "miss uncacheable", promise: "no cache may keep a missing asset", judge: judgeMisses },
  {
    name: "nothing refused",
    promise: "nothing is refused, reset, timed out or answered 502 to 504",
    judge: judgeConnections,
  },
];

// FAIL for any fault, UNKNOWN for any doubt or no data, else PASS.
export const conclude = ({ judged, faults, doubts }) => (faults ? FAIL : doubts || !judged ? UNKNOWN : PASS);

export const findWorst = (statuses) => [FAIL, UNKNOWN, PASS].find((status) => statuses.includes(status)) ?? UNKNOWN;

const add = (found, { index, evidence, doubt: why }) => {
  if (why) {
    found.doubts += 1;
    found.reason ??= why;
    return;
  }
  found.judged += 1;
  if (!evidence) return;
  found.faults += 1;
  found.evidence.push(evidence);
  found.faulty.push(index);
};

// A checker that crashes knows nothing, and says so.
const applyChecker = (run, { name, promise, judge, excuse }) => {
  const empty = { checker: name, promise, judged: 0, faults: 0, doubts: 0, reason: null };
  try {
    const reason = excuse?.(run);
    if (reason) return { ...empty, status: NOT_APPLICABLE, reason, evidence: [], faulty: [] };
    const found = { ...empty, evidence: [], faulty: [] };
    for (const judged of judge(run)) add(found, judged);
    return { ...found, status: conclude(found) };
  } catch (error) {
    const reason = `the checker crashed: ${error.name}: ${error.message}`;
    return { ...empty, status: UNKNOWN, doubts: 1, reason, evidence: [], faulty: [] };
  }
};

export const judgeRun = (run) => {
  const findings = CHECKERS.map((checker) => applyChecker(run, checker));
  return { findings, status: findWorst(findings.map((finding) => finding.status)) };
};

const BREAKAGE = ["page answers", "asset resolves", "body matches hash", "type fits", "miss uncacheable"];

// What one visit came to: refused (no page came), broken (a page or an asset is missing or of no use), wrong (all came, but
// something is another release's), unknown or whole.
export const conclusionOf = (run, { findings }) => {
  const failed = findings.filter((finding) => finding.faults).map((finding) => finding.checker);
  if (run.fetches.some((fetch) => fetch.role === "page" && isRefused(fetch))) return "refused";
  if (failed.includes("nothing refused") || failed.some((name) => BREAKAGE.includes(name))) return "broken";
  if (failed.length) return "wrong";
  return findings.some((finding) => finding.doubts) ? "unknown" : "whole";
};
