"use strict";
const find = (id) => document.getElementById(id);
const form = find("form"), drop = find("drop"), file = find("file"), scale = find("scale"), zoom = find("zoom");
const stage = find("stage"), pair = find("pair"), before = find("before"), after = find("after"), split = find("split");
const largestUpload = Number(document.body.dataset.largestUpload);
let picture = null, running = null;

const kibibytes = (count) => Math.ceil(count / 2 ** 10);
const inBytes = (count) => count < 2 ** 20 ? `${kibibytes(count)} KiB` : `${(count / 2 ** 20).toFixed(1)} MiB`;

function say(id, line) {
  find(id).textContent = line;
  find(id).hidden = !line;
}

/** Has the server enlarge a file; gives the PNG and what there is to say about it. */
async function ask(method, content, signal) {
  const address = `${method}?scale=${encodeURIComponent(scale.value)}`;
  const request = { method: "POST", body: content, signal, headers: { "Content-Type": "application/octet-stream" } };
  const answer = await fetch(address, request).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Error("the server does not answer; is igconv-sr demo still running, and the file still there?");
  });
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return { png: await answer.blob(), ...JSON.parse(answer.headers.get("Enlargement")) };
}

async function show(image, png) {
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(png);
  await image.decode();
}

/** Enlarges the chosen picture by both methods and shows them. */
async function enlarge() {
  running?.abort();
  const own = running = new AbortController(), { signal } = own, content = picture;
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const tell = () => say("status", `Enlarging ${content.name} ×${scale.value} … ${seconds()} s`);
  const clock = setInterval(tell, 1000);
  say("error", "");
  find("result").hidden = true;
  tell();
  try {
    if (content.size > largestUpload) {
      const most = `${largestUpload / 2 ** 20} MiB`;
      throw new Error(`this file is larger than the ${most} that this page takes; use igconv-sr upscale`);
    }
    const plain = await ask("bicubic", content, signal), made = await ask("model", content, signal);
    if (signal.aborted) return;
    await Promise.all([show(before, plain.png), show(after, made.png)]);
    present(content, made);
  } catch (error) {
    if (error.name !== "AbortError") say("error", `${content.name}: ${error.message}`);
  } finally {
    clearInterval(clock);
    if (running === own) say("status", "");
  }
}

function present(content, made) {
  const [width, height] = made.after, stem = content.name.replace(/\.[^.]*$/, ""), name = find("download");
  const sizes = `${made.before.join(" × ")} to ${width} × ${height} pixels`;
  say("facts", [`${sizes}, in ${made.seconds} s`, ...made.remarks].join("; "));
  before.alt = `${content.name} enlarged by bicubic interpolation`;
  after.alt = `${content.name} enlarged by the model`;
  name.href = after.src;
  name.download = `${stem}_x${scale.value.trim().replace("/", "-")}.png`;
  name.textContent = `Download ${name.download} (${inBytes(made.png.size)})`;
  find("result").hidden = false;
  zoom.value = "fit";
  split.value = 50;
  resize();
  find("result").scrollIntoView({ block: "nearest" });
}

/** Gives the pictures their size on the page; what is in the middle stays there. */
function resize() {
  const fitted = zoom.value === "fit", { naturalWidth: width, naturalHeight: height } = after;
  const room = find("result").clientWidth;
  const largest = Math.min(room / width, 0.7 * innerHeight / height);
  // Small ones are shown larger, by a whole number, so that no interpolation of the browser hides the difference.
  const factor = fitted ? (largest < 1 ? largest : Math.floor(largest)) : Number(zoom.value);
  const x = (stage.scrollLeft + stage.clientWidth / 2) / stage.scrollWidth;
  const y = (stage.scrollTop + stage.clientHeight / 2) / stage.scrollHeight;
  pair.style.width = `${width * factor}px`;
  pair.style.height = `${height * factor}px`;
  split.style.width = 0; // or the frame would stay as wide as it was
  pair.classList.toggle("fitted", fitted);
  pair.classList.toggle("coarse", factor > 1);
  stage.scrollLeft = x * stage.scrollWidth - stage.clientWidth / 2;
  stage.scrollTop = y * stage.scrollHeight - stage.clientHeight / 2;
  for (const style of [find("overlay").style, split.style]) style.width = `${stage.clientWidth}px`;
  find("overlay").style.height = `${stage.clientHeight}px`;
  divide();
}

/** Puts the line where the slider is: bicubic to its left, the model to its right. */
function divide() {
  const x = split.value / 100 * stage.clientWidth;
  find("line").style.left = `${x}px`;
  const left = stage.getBoundingClientRect().left + x - pair.getBoundingClientRect().left;
  after.style.clipPath = `inset(0 0 0 ${left}px)`;
  before.style.clipPath = `inset(0 ${pair.clientWidth - left}px 0 0)`;
  split.setAttribute("aria-valuetext", `${Math.round(split.value)} % bicubic`);
}

function choose(chosen) {
  picture = chosen;
  find("chosen").textContent = `${chosen.name} (${inBytes(chosen.size)})`;
  find("enlarge").disabled = false;
  enlarge();
}

function markScale() {
  for (const button of document.querySelectorAll(".quick")) {
    button.setAttribute("aria-pressed", String(button.dataset.scale === scale.value.trim()));
  }
}

function drag(event) {
  const box = stage.getBoundingClientRect();
  split.value = (event.clientX - box.left) / stage.clientWidth * 100;
  divide();
}

pair.addEventListener("pointerdown", (event) => {
  // Where the picture can be scrolled, a finger scrolls it, and the slider below divides it.
  if (event.button !== 0 || (event.pointerType !== "mouse" && zoom.value !== "fit")) return;
  event.preventDefault();
  split.focus({ preventScroll: true });
  pair.setPointerCapture(event.pointerId);
  drag(event);
});
pair.addEventListener("pointermove", (event) => {
  if (pair.hasPointerCapture(event.pointerId)) drag(event);
});
stage.addEventListener("scroll", divide);
split.addEventListener("input", divide);
zoom.addEventListener("change", resize);
addEventListener("resize", () => find("result").hidden || resize());

file.addEventListener("change", () => {
  if (file.files.length) choose(file.files[0]);
  file.value = "";
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (picture) enlarge();
});
scale.addEventListener("input", markScale);
for (const button of document.querySelectorAll(".quick")) {
  button.addEventListener("click", () => {
    scale.value = button.dataset.scale;
    markScale();
    if (picture) enlarge();
  });
}
find("sample").addEventListener("click", async () => {
  const answer = await fetch("sample").catch(() => null);
  if (answer?.ok) choose(new File([await answer.blob()], "sample.png"));
  else say("error", "the server does not answer; is igconv-sr demo still running?");
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const [dropped] = event.dataTransfer.files;
  if (dropped) choose(dropped);
  else say("error", "what was dropped is no file; save the picture first, then drop it");
});
markScale();
