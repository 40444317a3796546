// Photographs that go dark as a network that is pruned further and further calls them something else.
// Python has counted every state and put it into words; here the hand chooses one of them, and letting go is told.
const memory = new WeakMap(); // of each wall on the page: what the hand has chosen, and which of Python's wishes it knows
const NARROW = 40; // rem below which, and
const MANY = 12; // classes above which, every class is a line, not a column

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// Where an accuracy stands in the plot, in percent from its top: a tenth is left above 100% for its name.
function height(accuracy) {
  return 100 - 90 * accuracy;
}

function percent(share, digits) {
  return `${(100 * share).toFixed(digits)}%`;
}

function nearest(ratios, wanted) {
  return ratios.reduce((best, ratio, at) => (Math.abs(ratio - wanted) < Math.abs(ratios[best] - wanted) ? at : best), 0);
}

// The state that the hand has chosen; where nobody has recovered it, the state as pruned.
function stateOf(data, hand) {
  const method = data.methods.find((each) => each.key === hand.method) ?? data.methods[0];
  const at = nearest(data.ratios, hand.ratio);
  const pruned = method.states.none[at];
  const wanted = method.states[hand.rescue]?.[at];
  const state = wanted ?? pruned;
  // A recovery that moves no weight has the weights of the network as pruned.
  return { method, at, rescue: wanted ? hand.rescue : "none", state, weights: state.bars ? state : pruned };
}

function build(root, data, choose) {
  const wall = root.querySelector("#wall");
  wall.classList.toggle("grey", data.grey);
  const each = Math.max(...data.classes.map((_, number) => data.labels.filter((label) => label === number).length));
  const shown = [...new Set(data.labels)];
  for (const [name, value] of Object.entries({
    "--classes": shown.length,
    "--each": each,
    "--sheet": `url("${data.sheet}")`,
    "--size": `${100 * data.columns}% ${100 * Math.ceil(data.labels.length / data.columns)}%`,
    "--lost": data.colors.lost,
    "--dense": data.colors.dense,
  })) wall.style.setProperty(name, value);

  const button = (text, wish) => {
    const made = element("button", "", text);
    made.type = "button";
    made.onclick = () => choose(wish);
    return made;
  };
  root.querySelector("#method").replaceChildren(
    ...data.methods.map((method) => {
      const made = element("option", "", method.title);
      made.value = method.key;
      return made;
    }),
  );
  root.querySelector("#rescue").replaceChildren(
    ...data.rescues.map(({ key, title, help }) => {
      const made = button(title, { rescue: key });
      made.dataset.rescue = key;
      made.dataset.help = help;
      return made;
    }),
  );

  const rows = Math.ceil(data.labels.length / data.columns);
  root.querySelector("#photographs").replaceChildren(
    ...shown.map((number) => {
      const column = element("div", "class");
      column.dataset.class = number;
      const row = element("div", "row");
      row.setAttribute("role", "img");
      data.labels.forEach((label, photograph) => {
        if (label !== number) return;
        const frame = element("div", "photograph");
        frame.dataset.photograph = photograph;
        const picture = element("div");
        const share = (part, of) => (of > 1 ? (100 * part) / (of - 1) : 0);
        picture.style.setProperty(
          "--at",
          `${share(photograph % data.columns, data.columns)}% ${share(Math.floor(photograph / data.columns), rows)}%`,
        );
        frame.append(picture, element("span"));
        row.append(frame);
      });
      column.append(element("div", "name", data.classes[number]), row, element("div", "count"));
      return column;
    }),
  );
  const bins = element("div", "bins");
  for (const height of data.bars) {
    const bin = element("div", "bin");
    bin.append(element("i"), element("i", "left"));
    bin.firstChild.style.height = `${height / 2.2}%`;
    bins.append(bin);
  }
  root.querySelector("#weights .plot").replaceChildren(bins);
  root.querySelector("#weights .ticks").replaceChildren(
    ...[-data.reach, 0, data.reach].map((tick) => element("span", "", tick ? tick.toPrecision(2) : "0")),
  );
  const last = data.ratios[data.ratios.length - 1];
  root.querySelector("#curve .ticks").replaceChildren(
    ...["0%", "thin: other methods", percent(last, 0)].map((tick) => element("span", "", tick)),
  );
}

function drawPhotographs(root, data, state) {
  for (const column of root.querySelectorAll(".class")) {
    const number = Number(column.dataset.class);
    let right = 0, all = 0;
    for (const frame of column.querySelectorAll(".photograph")) {
      const said = state.shown[Number(frame.dataset.photograph)];
      frame.classList.toggle("wrong", said !== number);
      frame.querySelector("span").textContent = said === number ? "" : data.classes[said];
      frame.title = said === number ? data.classes[number] : `${data.classes[number]}, called ${data.classes[said]}`;
      right += said === number;
      all += 1;
    }
    column.classList.toggle("forgotten", state.forgotten.includes(number));
    column.querySelector(".count").textContent = `${state.right[number]} of ${data.images[number]}`;
    column.querySelector(".row").setAttribute(
      "aria-label",
      `${data.classes[number]}: ${right} of ${all} photographs right; ${state.right[number]} of all ${data.images[number]}`,
    );
  }
}

function drawWeights(root, data, method, weights) {
  const figure = root.querySelector("#weights");
  figure.querySelectorAll(".left").forEach((bar, bin) => {
    bar.style.height = `${weights.bars[bin] / 2.2}%`;
  });
  figure.querySelectorAll(".threshold").forEach((line) => line.remove());
  const plot = figure.querySelector(".plot");
  let words = `${percent(weights.left, weights.left < 0.1 ? 1 : 0)} of the weights left`;
  if (weights.threshold !== undefined) {
    words += `: all between -${weights.threshold.toPrecision(2)} and ${weights.threshold.toPrecision(2)} are zero`;
    for (const side of [-1, 1]) {
      const line = element("div", "threshold");
      line.style.left = `${Math.min(100, Math.max(0, 50 * (1 + (side * weights.threshold) / data.reach)))}%`;
      plot.append(line);
    }
  }
  figure.querySelector("figcaption").textContent = words;
  plot.setAttribute("aria-label", `Histogram of the weights, dense in grey: ${words}.`);
}

function drawCurve(root, data, chosen) {
  const { method, at, rescue, state } = chosen;
  const plot = root.querySelector("#curve .plot");
  const last = data.ratios[data.ratios.length - 1] || 1;
  const line = (owner, recovery, className) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    const points = owner.states[recovery].flatMap((each, number) =>
      each ? [`${(100 * data.ratios[number]) / last},${height(each.accuracy)}`] : []);
    made.setAttribute("points", points.join(" "));
    made.setAttribute("class", `${className} ${recovery}`);
    made.style.stroke = owner.color;
    return made;
  };
  plot.querySelector("svg").replaceChildren(
    ...data.methods.filter((each) => each !== method).map((each) => line(each, "none", "other")),
    line(method, "none", "now"),
    ...(rescue === "none" ? [] : [line(method, rescue, "now")]),
  );
  plot.querySelectorAll("div").forEach((old) => old.remove());
  const point = element("div", "point");
  point.style.left = `${(100 * data.ratios[at]) / last}%`;
  point.style.top = `${height(state.accuracy)}%`;
  const levels = [[1, "all right"], [1 / data.classes.length, "guessing"]].map(([share, name]) => {
    const level = element("div", "level");
    level.style.top = `${height(share)}%`;
    level.append(element("span", "", name));
    return level;
  });
  plot.append(...levels, point);
  const words = `${state.share} of ${data.total.toLocaleString("en")} ${data.noun}s right`;
  root.querySelector("#curve figcaption").textContent = words;
  plot.setAttribute("aria-label", `Accuracy against the ratio, a line per method: ${words}.`);
}

function draw(root, data, hand) {
  const chosen = stateOf(data, hand);
  const { method, at, rescue, state, weights } = chosen;
  root.querySelector("#wall").style.setProperty("--mark", method.color);
  const slider = root.querySelector("#ratio");
  slider.value = at;
  const amount = percent(data.ratios[at], 0);
  root.querySelector("#value").textContent = amount;
  root.querySelector("#share").textContent = method.share;
  slider.setAttribute("aria-valuetext", `${amount} ${method.share}`);
  const methods = root.querySelector("#method");
  methods.value = method.key;
  methods.title = method.sentence;
  for (const button of root.querySelectorAll("#rescue button")) {
    const made = method.states[button.dataset.rescue][at];
    button.disabled = !made;
    button.title = made ? button.dataset.help : "Nobody has done this at this ratio yet.";
    button.setAttribute("aria-pressed", String(button.dataset.rescue === rescue));
  }
  root.querySelector("#said").textContent = state.said;
  drawPhotographs(root, data, state);
  drawWeights(root, data, method, weights);
  drawCurve(root, data, chosen);
}

export default function (component) {
  const { data, parentElement: root, setStateValue } = component;
  const known = memory.get(root);
  const slider = root.querySelector("#ratio");
  // What Python wishes counts once; since then the hand knows better, and is not pulled away while it drags.
  const hand = known?.wish === data.wish.number ? known.hand : { ...data.wish };
  memory.set(root, { wish: data.wish.number, hand, of: data.of });
  const tell = () => {
    root.querySelector("#heard").textContent = root.querySelector("#said").textContent;
    setStateValue("at", { method: hand.method, ratio: hand.ratio, rescue: hand.rescue });
  };
  const choose = (wish) => {
    Object.assign(hand, wish);
    draw(root, data, hand);
    tell();
  };
  slider.min = 0;
  slider.max = data.ratios.length - 1;
  slider.step = 1;
  slider.oninput = () => {
    hand.ratio = data.ratios[Number(slider.value)];
    draw(root, data, hand);
  };
  slider.onchange = tell;
  const methods = root.querySelector("#method");
  methods.onchange = () => choose({ method: methods.value });
  // Of the same wall nothing is built anew: the focus would fall off the button that was pressed.
  if (known?.of !== data.of) build(root, data, choose);
  draw(root, data, hand);
  const wall = root.querySelector("#wall");
  const shape = new ResizeObserver(([{ contentRect }]) => {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    wall.classList.toggle("lines", new Set(data.labels).size > MANY || contentRect.width < NARROW * rem);
  });
  shape.observe(wall);
  return () => shape.disconnect();
}
