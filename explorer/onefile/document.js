// The page around the network: what is seen, drawn and said. Nothing here asks for anything outside of this file.

const element = (id) => document.getElementById(id);
const whole = (number) => number.toLocaleString("en-US");
const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)}%`;

async function unpacked(id) {
  const bytes = Uint8Array.from(atob(element(id).textContent), (letter) => letter.charCodeAt(0));
  element(id).textContent = ""; // millions of letters that nothing reads any more
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// What the network is fed for pixels: 0..255, row by row, in colour three to a pixel.
function fed(pixels, { side, grey, mean, std, resize }) {
  const area = side * side;
  if (!grey) {
    const image = new Float32Array(3 * area);
    for (let index = 0; index < image.length; index += 1) {
      const channel = Math.floor(index / area);
      image[index] = (pixels[3 * (index % area) + channel] / 255 - mean[channel]) / std[channel];
    }
    return image;
  }
  const one = Float32Array.from(pixels, (pixel) => (pixel / 255 - mean[0]) / std[0]);
  const plane = new Float32Array(resize.rows.length * resize.columns.length);
  weigh(one, plane, resize);
  const image = new Float32Array(3 * plane.length);
  for (let channel = 0; channel < 3; channel += 1) image.set(plane, channel * plane.length);
  return image;
}

function softmax(logits) {
  const most = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - most));
  const sum = powers.reduce((all, each) => all + each, 0);
  return powers.map((power) => power / sum);
}

const largest = (numbers) => numbers.indexOf(Math.max(...numbers));

function paint(canvas, pixels, { side, grey }) {
  canvas.width = side;
  canvas.height = side;
  const image = new ImageData(side, side);
  for (let index = 0; index < side * side; index += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      image.data[4 * index + channel] = grey ? pixels[index] : pixels[3 * index + channel];
    }
    image.data[4 * index + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

async function open() {
  const data = JSON.parse(element("data").textContent);
  const [bytes, shown] = [await unpacked("weights"), await unpacked("shown")];
  const run = networkOf(data.network, readTensors(bytes, data.entries.weights), data.entries.weights);
  let times = [];
  const logitsOf = (pixels) => {
    const started = performance.now();
    const logits = run(fed(pixels, data.image));
    times = [...times, performance.now() - started].slice(-9);
    return logits;
  };
  const size = shown.length / data.labels.length;
  const photographs = data.labels.map((label, index) => shown.subarray(index * size, (index + 1) * size));

  const kilobytes = data.weightBytes / 1000;
  element("facts").textContent = `${whole(data.parameters)} parameters in ${
    kilobytes < 9950 ? `${kilobytes.toFixed(0)} kB` : `${(kilobytes / 1000).toFixed(1)} MB`
  } of this file. Your browser computes every answer itself; nothing is sent or fetched.`;

  const order = data.classes.map((name, index) => index);
  const rows = Array.from({ length: Math.min(data.classes.length, 12) }, () => {
    const row = document.createElement("div");
    row.className = "row";
    row.innerHTML = '<div class="name"></div><div class="track"><div class="bar"></div></div><div class="number"></div>';
    element("bars").append(row);
    return row;
  });

  let pixels = photographs[0].slice();
  let chosen = 0; // the photograph that the pad holds; -1 once it was drawn on

  function answer() {
    const logits = logitsOf(pixels);
    const shares = softmax(logits);
    const first = largest(shares);
    // As many classes as there is room for: all in their order, of more the likeliest.
    const told = order.length <= rows.length ? order : [...order].sort((a, b) => shares[b] - shares[a]).slice(0, rows.length);
    rows.forEach((row, place) => {
      const label = told[place];
      row.classList.toggle("first", label === first);
      row.querySelector(".name").textContent = data.classes[label];
      row.querySelector(".bar").style.width = percent(shares[label], 2);
      row.querySelector(".number").textContent = percent(shares[label]);
    });
    const said = chosen < 0
      ? "A drawing has no label."
      : `${data.captions[chosen]} is labelled ${data.classes[data.labels[chosen]]}: ${first === data.labels[chosen] ? "right ✓" : "wrong ✗"}`;
    const line = document.createElement("span");
    line.className = "said";
    line.textContent = said;
    element("verdict").replaceChildren(`“${data.classes[first]}”, ${percent(shares[first])}`, line);
    element("bars").setAttribute("aria-label", `The network says ${data.classes[first]} with ${percent(shares[first])}.`);
    const time = [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)];
    const zeros = data.zeros / data.parameters;
    element("time").textContent = `${time < 10 ? time.toFixed(1) : time.toFixed(0)} ms for one image here, in plain JavaScript on one thread.${
      zeros >= 0.05 ? ` ${percent(zeros)} of its numbers are zeros, which these loops leave out.` : ""
    }`;
    return time;
  }

  // While the hand draws, an answer at a time; a slow network leaves the hand room in between.
  let waiting = false;
  let pause = 0;
  function soon() {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      const time = answer();
      pause = time > 30 ? 2 * time : 0;
    }, pause);
  }

  const buttons = photographs.map((photograph, index) => {
    const button = document.createElement("button");
    const canvas = document.createElement("canvas");
    button.type = "button";
    button.title = data.classes[data.labels[index]];
    button.setAttribute("aria-label", `${data.captions[index]}, ${data.classes[data.labels[index]]}`);
    paint(canvas, photograph, data.image);
    button.append(canvas);
    button.onclick = () => show(index);
    element("pictures").append(button);
    return button;
  });
  element("first").textContent = `${photographs.length} photographs, the first of each class`;

  function draw() {
    paint(element("pad"), pixels, data.image);
    buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === chosen)));
    const what = chosen < 0 ? "your drawing" : data.captions[chosen];
    element("pad").setAttribute("aria-label", `The image that the network is fed: ${what}`);
    soon();
  }

  function show(index) {
    chosen = index;
    pixels = photographs[index].slice();
    draw();
  }

  drawOn(element("pad"), data.image, (change) => {
    chosen = -1;
    change(pixels);
    draw();
  });
  element("clear").onclick = () => {
    chosen = -1;
    pixels = new Uint8Array(size);
    draw();
  };
  element("pad").setAttribute("role", "img");
  show(0);

  // For whoever opens the console: network.logits(network.photographs[0])
  globalThis.network = { logits: (each) => Array.from(logitsOf(each)), photographs, expected: data.expected };
  await check(data, photographs, logitsOf, buttons);
  answer(); // the first passes are slow, until the browser has compiled the loops
}

// Every photograph, against what torch gave when this file was written.
async function check(data, photographs, logitsOf, buttons) {
  let [apart, right, same] = [0, 0, 0];
  for (let index = 0; index < photographs.length; index += 1) {
    await new Promise((done) => { setTimeout(done); }); // the page stays alive in between
    const logits = logitsOf(photographs[index]);
    const expected = data.expected[index];
    apart = Math.max(apart, ...expected.map((logit, label) => Math.abs(logit - logits[label])));
    const answer = largest(logits);
    same += answer === largest(expected);
    right += answer === data.labels[index];
    buttons[index].classList.toggle("wrong", answer !== data.labels[index]);
  }
  const text = `${right} of these ${photographs.length} are right. Against torch's logits: the same answer to ${same} of ${
    photographs.length}, at most ${apart.toExponential(0)} apart.`;
  element("checked").textContent = text;
  Object.assign(document.body.dataset, { checked: "yes", apart: String(apart) });
}

// A round brush with a soft rim, on the very pixels that the network is fed.
function drawOn(pad, { side, grey }, change) {
  const width = element("width");
  width.max = side / 5;
  width.value = side / 14;
  let colour = [255, 255, 255];
  if (grey) {
    const brushes = [["Light", 255], ["Dark", 0]].map(([name, value]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.onclick = () => {
        colour = [value, value, value];
        brushes.forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
      };
      button.setAttribute("aria-pressed", String(value === 255));
      return button;
    });
    element("brushes").append(...brushes);
  } else {
    const picker = document.createElement("input");
    picker.type = "color";
    picker.value = getComputedStyle(document.documentElement).getPropertyValue("--bar").trim();
    picker.setAttribute("aria-label", "Colour of the brush");
    picker.oninput = () => { colour = [1, 3, 5].map((at) => parseInt(picker.value.slice(at, at + 2), 16)); };
    picker.oninput();
    element("brushes").append(picker);
  }

  const place = (event) => {
    const box = pad.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * side, ((event.clientY - box.top) / box.height) * side];
  };

  function stroke([fromX, fromY], [toX, toY]) {
    const radius = Number(width.value) / 2;
    const length = (toX - fromX) ** 2 + (toY - fromY) ** 2;
    change((pixels) => {
      for (let index = 0; index < side * side; index += 1) {
        const [x, y] = [(index % side) + 0.5, Math.floor(index / side) + 0.5];
        // How far the pixel is from the line that the hand went along.
        const along = length ? Math.min(1, Math.max(0, ((x - fromX) * (toX - fromX) + (y - fromY) * (toY - fromY)) / length)) : 0;
        const far = Math.hypot(x - fromX - along * (toX - fromX), y - fromY - along * (toY - fromY));
        const cover = Math.min(1, Math.max(0, radius + 0.5 - far));
        if (cover === 0) continue;
        const channels = grey ? 1 : 3;
        for (let channel = 0; channel < channels; channel += 1) {
          const at = channels * index + channel;
          pixels[at] = Math.round(pixels[at] + cover * (colour[channel] - pixels[at]));
        }
      }
    });
  }

  let last = null;
  pad.onpointerdown = (event) => {
    pad.setPointerCapture(event.pointerId);
    last = place(event);
    stroke(last, last);
  };
  pad.onpointermove = (event) => {
    if (!last) return;
    const next = place(event);
    stroke(last, next);
    last = next;
  };
  pad.onpointerup = () => { last = null; };
  pad.onpointercancel = pad.onpointerup;
}

open().catch((error) => { element("facts").textContent = `This browser cannot run it: ${error.message}`; });
