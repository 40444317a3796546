// Weights that snap to the few numbers that so many bits can name.
// Python has counted every rounding and put it into words; here the hand chooses one, and letting go is told.
const memory = new WeakMap(); // of each element: what the hand has chosen, and which of Python's wishes it knows
const CHOICES = {
  scale: [["tensor", "a scale per layer"], ["channel", "a scale per channel"]],
  codes: [["symmetric", "symmetric"], ["affine", "affine"]],
};

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// Where an accuracy stands in the plot, in percent from its top: a tenth is left above 100% for its name.
const height = (accuracy) => 100 - 90 * accuracy;
const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)}%`;
const sameWay = (state, hand) =>
  state.per === hand.scale && state.symmetric === (hand.codes === "symmetric") && state.activations === hand.activations;

// The state that the hand has chosen; where nobody has measured it, the nearest one that somebody has.
function stateOf(data, hand) {
  const fitting = data.states.filter((state) => sameWay(state, hand));
  const tried = fitting.length ? fitting : data.states;
  return tried.reduce((best, state) =>
    Math.abs(state.bits - hand.bits) < Math.abs(best.bits - hand.bits) ? state : best);
}

function build(root, data, choose) {
  const style = root.querySelector("#bits").style;
  style.setProperty("--mark", data.colors.mark);
  style.setProperty("--dense", data.colors.dense);
  const choices = { ...CHOICES, activations: data.activations.map(({ bits, title }) => [bits, `activations: ${title}`]) };
  for (const [key, options] of Object.entries(choices)) {
    root.querySelector(`#${key}`).replaceChildren(
      ...options.map(([option, title]) => {
        const made = element("button", "", title);
        made.type = "button";
        made.dataset.option = option;
        made.onclick = () => choose({ [key]: option });
        return made;
      }),
    );
  }
  root.querySelector("#layers .plot").replaceChildren(
    ...data.layers.map((layer) => {
      const made = element("button");
      made.type = "button";
      made.dataset.layer = layer.name;
      made.append(element("i"), element("i", "own"));
      made.onclick = () => choose({ layer: layer.name });
      return made;
    }),
  );
  const bins = element("div", "bins");
  for (const _ of data.layers[0]?.bars ?? []) {
    const bin = element("div", "bin");
    bin.append(element("i", "dense"), element("i", "rounded"));
    bins.append(bin);
  }
  root.querySelector("#weights .plot").replaceChildren(bins);
  root.querySelector("#curve .ticks").replaceChildren(...data.bits.map((bits) => element("span", "", `${bits}`)));
  root.querySelector("#layers .ticks").replaceChildren(
    ...["input", "answer"].map((end) => element("span", "", end)));
}

function drawWeights(root, data, hand, state) {
  const figure = root.querySelector("#weights");
  const at = Math.max(0, data.layers.findIndex((layer) => layer.name === hand.layer));
  const layer = data.layers[at];
  if (!layer) return;
  // Rounding activations too moves no weight.
  const drawn = state.bars ?? data.states.find((each) => each.bars && each.bits === state.bits && each.per === state.per
    && each.symmetric === state.symmetric)?.bars;
  figure.querySelectorAll(".bin").forEach((bin, number) => {
    bin.firstChild.style.height = `${0.9 * layer.bars[number]}%`;
    bin.lastChild.style.height = `${0.9 * (drawn?.[at]?.[number] ?? 0)}%`;
  });
  const grids = state.per === "tensor" ? "one grid for the layer" : "a grid of its own for each channel";
  const words = `${layer.name}: ${layer.weights.toLocaleString("en")} weights on ${state.codes} values at most, ${grids}; `
    + "grey: before";
  figure.querySelector("figcaption").textContent = words;
  figure.querySelector(".ticks").replaceChildren(
    ...[-layer.largest, 0, layer.largest].map((tick) => element("span", "", tick ? tick.toPrecision(2) : "0")));
  figure.querySelector(".plot").setAttribute("aria-label", `Histogram of the weights of ${words}.`);
}

function drawCurve(root, data, hand, state) {
  const plot = root.querySelector("#curve .plot");
  const across = (bits) => data.bits.length > 1 ? (100 * data.bits.indexOf(bits)) / (data.bits.length - 1) : 50;
  const line = (per, symmetric, now) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    const points = data.bits.flatMap((bits) => data.states.filter((each) => each.bits === bits && each.per === per
      && each.symmetric === symmetric && each.activations === state.activations));
    made.setAttribute("points", points.map((each) => `${across(each.bits)},${height(each.accuracy)}`).join(" "));
    made.setAttribute("class", `${now ? "now" : ""} ${symmetric ? "" : "affine"}`);
    return made;
  };
  plot.querySelector("svg").replaceChildren(...data.schemes.map(({ per, symmetric }) =>
    line(per, symmetric, per === state.per && symmetric === state.symmetric)));
  plot.querySelectorAll("div").forEach((old) => old.remove());
  const point = element("div", "point");
  point.style.left = `${across(state.bits)}%`;
  point.style.top = `${height(state.accuracy)}%`;
  const levels = [[data.dense, "float32"], [1 / data.classes, "guessing"]].map(([share, name]) => {
    const level = element("div", "level");
    level.style.top = `${height(share)}%`;
    level.append(element("span", "", name));
    return level;
  });
  plot.append(...levels, point);
  const words = `${state.share} of ${data.total.toLocaleString("en")} ${data.noun}s right with ${state.bits} bits; thin: `
    + "other ways to round, dashed: affine";
  root.querySelector("#curve figcaption").textContent = words;
  plot.setAttribute("aria-label", `Accuracy against bits, a line for each way to round: ${words}.`);
}

function drawLayers(root, data, hand, state) {
  const figure = root.querySelector("#layers");
  figure.querySelectorAll("button").forEach((button, at) => {
    const [output, own] = state.errors[at] ?? [0, 0];
    const [wide, narrow] = button.children;
    // What is off by more than itself fills its place.
    wide.style.height = percent(Math.min(1, output));
    narrow.style.height = percent(Math.min(1, own));
    const said = `${data.layers[at].name}: outputs off by ${percent(output)}, weights by ${percent(own, 1)}`;
    button.title = said;
    button.setAttribute("aria-label", said);
    button.setAttribute("aria-pressed", String(data.layers[at].name === hand.layer));
  });
  figure.querySelector("figcaption").textContent =
    `How far off each layer is: its outputs wide, its own weights narrow, full height 100%. ${state.explained}`;
}

function draw(root, data, hand) {
  const state = stateOf(data, hand);
  const slider = root.querySelector("#count");
  slider.value = -state.bits; // more bits stand on the left, as in the curve below
  slider.setAttribute("aria-valuetext", `${state.bits} bits for each weight`);
  root.querySelector("#value").textContent = state.bits;
  for (const key of ["scale", "codes", "activations"]) {
    for (const button of root.querySelectorAll(`#${key} button`)) {
      const option = key === "activations" ? Number(button.dataset.option) : button.dataset.option;
      button.setAttribute("aria-pressed", String(hand[key] === option));
      button.disabled = !data.states.some((each) => sameWay(each, { ...hand, [key]: option }));
    }
  }
  root.querySelector("#said").textContent = state.said;
  drawWeights(root, data, hand, state);
  drawCurve(root, data, hand, state);
  drawLayers(root, data, hand, state);
}

export default function (component) {
  const { data, parentElement: root, setStateValue } = component;
  const known = memory.get(root);
  const slider = root.querySelector("#count");
  // What Python wishes counts once; since then the hand knows better, and is not pulled away while it drags.
  const hand = known?.wish === data.wish.number ? known.hand : { ...data.wish };
  memory.set(root, { wish: data.wish.number, hand, of: data.of });
  const tell = () => {
    root.querySelector("#heard").textContent = root.querySelector("#said").textContent;
    const { bits, scale, codes, activations, layer } = hand;
    setStateValue("at", { bits, scale, codes, activations, layer });
  };
  const choose = (wish) => {
    Object.assign(hand, wish);
    draw(root, data, hand);
    tell();
  };
  slider.min = -Math.max(...data.bits);
  slider.max = -Math.min(...data.bits);
  slider.step = 1;
  slider.oninput = () => {
    hand.bits = -Number(slider.value);
    draw(root, data, hand);
  };
  slider.onchange = tell;
  // Of the same network nothing is built anew: the focus would fall off the button that was pressed.
  if (known?.of !== data.of) build(root, data, choose);
  draw(root, data, hand);
}
