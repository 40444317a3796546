// Runs a network, one image at a time, from the list of steps that steps.py writes. Every value is a Float32Array, its
// shape is in the step that makes it. Sums run in float32, as a processor's own.

const product = (numbers) => numbers.reduce((all, each) => all * each, 1);

const MAPS = {
  relu: () => (x) => (x > 0 ? x : 0),
  leaky: (slope) => (x) => (x > 0 ? x : slope * x),
  elu: (alpha) => (x) => (x > 0 ? x : alpha * Math.expm1(x)),
  celu: (alpha) => (x) => (x > 0 ? x : alpha * Math.expm1(x / alpha)),
  selu: () => (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  gelu: (form) => (form === "tanh"
    ? (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))
    : (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2))),
  silu: () => (x) => x / (1 + Math.exp(-x)),
  mish: () => (x) => x * Math.tanh(Math.log1p(Math.exp(x))),
  tanh: () => Math.tanh,
  sigmoid: () => (x) => 1 / (1 + Math.exp(-x)),
  hardsigmoid: () => (x) => Math.min(1, Math.max(0, x / 6 + 0.5)),
  hardswish: () => (x) => (x * Math.min(6, Math.max(0, x + 3))) / 6,
  softsign: () => (x) => x / (1 + Math.abs(x)),
  softplus: (beta, threshold) => (x) => (x * beta > threshold ? x : Math.log1p(Math.exp(x * beta)) / beta),
  clip: (low, high) => (x) => Math.min(high ?? Infinity, Math.max(low ?? -Infinity, x)),
  abs: () => Math.abs,
  square: () => (x) => x * x,
};

// The error function to 1.2e-7. Source: Press et al., Numerical Recipes, section 6.2.
function erf(x) {
  const t = 1 / (1 + 0.5 * Math.abs(x));
  const terms = [-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
    -0.82215223, 0.17087277];
  const tail = t * Math.exp(-x * x + terms.reduceRight((sum, term) => sum * t + term, 0));
  return x >= 0 ? 1 - tail : tail - 1;
}

const JOINS = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
};

// The numbers of every tensor, from the bytes of the file.
function readTensors(bytes, entries) {
  const read = (Type, at, count) => new Type(bytes.buffer, bytes.byteOffset + at, count);
  return entries.map((entry) => {
    const count = product(entry.shape);
    if (entry.type === "float32") return read(Float32Array, entry.at, count);
    if (entry.type === "uint8") return read(Uint8Array, entry.at, count);
    if (entry.type === "int32") return read(Int32Array, entry.at, count);
    if (entry.type === "float16") return Float32Array.from(read(Uint16Array, entry.at, count), fromHalf);
    const scales = read(Float32Array, entry.scale, entry.zero.length);
    const each = count / scales.length;
    return Float32Array.from(read(Uint8Array, entry.at, count), (code, index) => {
      const channel = Math.floor(index / each);
      return (code - entry.zero[channel]) * scales[channel];
    });
  });
}

// A float16 from its bits: a sign, five bits of exponent, ten of fraction.
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

// The image in a larger one of zeros, so that no window has to ask whether it is outside.
function padded(x, channels, [height, width], [top, bottom, left, right]) {
  if (top + bottom + left + right === 0) return x;
  const [tall, wide] = [height + top + bottom, width + left + right];
  const out = new Float32Array(channels * tall * wide);
  for (let channel = 0; channel < channels; channel += 1) {
    for (let row = 0; row < height; row += 1) {
      const from = (channel * height + row) * width;
      out.set(x.subarray(from, from + width), (channel * tall + row + top) * wide + left);
    }
  }
  return out;
}

// A place in an array with two more axes, as its place along each.
const split = (place, height, width) => [
  Math.floor(place / (height * width)), Math.floor(place / width) % height, place % width,
];

const KINDS = {
  convolution(step, [x], out, { weight, bias }) {
    const [, outputs, height, width] = step.shape;
    const { groups, padding: [top, bottom, left, right], stride: [down, across], dilation } = step;
    const [tall, wide] = [step.sides[0] + top + bottom, step.sides[1] + left + right];
    const channels = x.length / (step.sides[0] * step.sides[1]);
    const input = padded(x, channels, step.sides, step.padding);
    const [, inputs, kernelHeight, kernelWidth] = step.tensors.weight.shape;
    const area = height * width;
    // A kernel of one pixel sees the image as one long row.
    const flat = kernelHeight * kernelWidth === 1 && down * across === 1 && tall * wide === area;
    const [rows, columns] = flat ? [1, area] : [height, width];
    // Where each weight of a filter looks first, for the filters of the first group.
    const places = Int32Array.from({ length: inputs * kernelHeight * kernelWidth }, (_, tap) => {
      const [channel, ky, kx] = split(tap, kernelHeight, kernelWidth);
      return (channel * tall + ky * dilation[0]) * wide + kx * dilation[1];
    });
    const taps = places.length;
    const starts = new Int32Array(taps + 3);
    const factors = new Float32Array(taps + 3);
    for (let output = 0; output < outputs; output += 1) {
      const group = Math.floor(output / (outputs / groups)) * inputs * tall * wide;
      let count = 0;
      for (let tap = 0; tap < taps; tap += 1) {
        const factor = weight[output * taps + tap];
        if (factor !== 0) { // a weight of zero is not multiplied: here a mask saves time
          starts[count] = group + places[tap];
          factors[count] = factor;
          count += 1;
        }
      }
      factors.fill(0, count, count + 3);
      starts.fill(0, count, count + 3);
      const first = output * area;
      out.fill(bias ? bias[output] : 0, first, first + area);
      // Four weights at a time: an entry is then read and written once for four products.
      for (let tap = 0; tap < count; tap += 4) {
        const a = factors[tap];
        const b = factors[tap + 1];
        const c = factors[tap + 2];
        const d = factors[tap + 3];
        let atA = starts[tap];
        let atB = starts[tap + 1];
        let atC = starts[tap + 2];
        let atD = starts[tap + 3];
        let to = first;
        for (let row = 0; row < rows; row += 1, to += columns) {
          for (let column = 0, at = 0; column < columns; column += 1, at += across) {
            out[to + column] += a * input[atA + at] + b * input[atB + at] + c * input[atC + at] + d * input[atD + at];
          }
          atA += down * wide;
          atB += down * wide;
          atC += down * wide;
          atD += down * wide;
        }
      }
    }
  },

  linear(step, [x], out, { weight, bias }) {
    const [outputs, inputs] = step.tensors.weight.shape;
    for (let row = 0; row < out.length / outputs; row += 1) {
      for (let output = 0; output < outputs; output += 1) {
        let sum = bias ? bias[output] : 0;
        for (let input = 0; input < inputs; input += 1) sum += weight[output * inputs + input] * x[row * inputs + input];
        out[row * outputs + output] = sum;
      }
    }
  },

  affine(step, [x], out, { scale, shift }) {
    const area = out.length / scale.length;
    for (let index = 0; index < out.length; index += 1) {
      const channel = Math.floor(index / area);
      out[index] = x[index] * scale[channel] + shift[channel];
    }
  },

  slope(step, [x], out, { weight }) {
    const area = out.length / (step.shape[1] ?? 1);
    for (let index = 0; index < out.length; index += 1) {
      const factor = weight[weight.length === 1 ? 0 : Math.floor(index / area)];
      out[index] = x[index] > 0 ? x[index] : factor * x[index];
    }
  },

  map(step, [x], out) {
    const apply = MAPS[step.name](...step.settings);
    for (let index = 0; index < out.length; index += 1) out[index] = apply(x[index]);
  },

  join(step, values, out) {
    const apply = JOINS[step.by];
    const [left, right] = values.map((value, which) => (step.constant.includes(which)
      ? () => step.reads[which]
      : ((places) => (index) => value[places(index)])(spread(step.shapes[which], step.shape))));
    for (let index = 0; index < out.length; index += 1) {
      out[index] = apply(left(index), (step.alpha ?? 1) * right(index));
    }
  },

  concat(step, values, out) {
    const after = product(step.shape.slice(step.axis + 1));
    const lengths = step.shapes.map((shape) => shape[step.axis] * after);
    let to = 0;
    for (let block = 0; to < out.length; block += 1) {
      values.forEach((value, which) => {
        out.set(value.subarray(block * lengths[which], (block + 1) * lengths[which]), to);
        to += lengths[which];
      });
    }
  },

  reduce(step, [x], out) {
    const kept = step.of.map((length, axis) => (step.axes.includes(axis) ? 1 : length));
    const place = spread(kept, step.of);
    const count = x.length / out.length;
    if (step.by === "most") out.fill(-Infinity);
    for (let index = 0; index < x.length; index += 1) {
      const to = place(index);
      out[to] = step.by === "most" ? Math.max(out[to], x[index]) : out[to] + x[index] / (step.by === "mean" ? count : 1);
    }
  },

  "layer norm"(step, [x], out, { weight, bias }) {
    const length = product(step.shape.slice(-step.axes));
    for (let start = 0; start < x.length; start += length) {
      const part = x.subarray(start, start + length);
      const mean = part.reduce((sum, each) => sum + each, 0) / length;
      const variance = part.reduce((sum, each) => sum + (each - mean) ** 2, 0) / length;
      const factor = 1 / Math.sqrt(variance + step.eps);
      part.forEach((each, index) => {
        out[start + index] = (each - mean) * factor * (weight ? weight[index] : 1) + (bias ? bias[index] : 0);
      });
    }
  },

  "log softmax"(step, [x], out) {
    const after = product(step.shape.slice(step.axis + 1));
    const length = step.shape[step.axis];
    for (let index = 0; index < x.length; index += 1) {
      const first = index - (Math.floor(index / after) % length) * after;
      let [most, sum] = [-Infinity, 0];
      for (let each = 0; each < length; each += 1) most = Math.max(most, x[first + each * after]);
      for (let each = 0; each < length; each += 1) sum += Math.exp(x[first + each * after] - most);
      out[index] = x[index] - most - Math.log(sum);
    }
  },

  constant(step, values, out, { value }) {
    out.set(value);
  },

  reshape(step, [x], out) {
    out.set(x);
  },

  places(step, [x], out, { taken }) {
    for (let index = 0; index < out.length; index += 1) {
      if (taken) {
        out[index] = x[taken[index]];
      } else {
        let [rest, place] = [index, step.offset];
        for (let axis = step.shape.length - 1; axis >= 0; axis -= 1) {
          place += (rest % step.shape[axis]) * step.strides[axis];
          rest = Math.floor(rest / step.shape[axis]);
        }
        out[index] = x[place];
      }
    }
  },

  weighted(step, [x], out) {
    weigh(x, out, step);
  },

  most(step, [x], out) {
    const [height, width] = step.sides;
    let to = 0;
    for (let start = 0; start < x.length; start += height * width) {
      for (const rows of step.rows) {
        for (const columns of step.columns) {
          let most = -Infinity;
          for (const row of rows) {
            for (const column of columns) most = Math.max(most, x[start + row * width + column]);
          }
          out[to] = most;
          to += 1;
        }
      }
    }
  },
};

// Sums along columns, then along rows, each entry with the weights that stand beside its places.
function weigh(x, out, { sides: [height, width], rows, columns }) {
  const half = new Float32Array(height * columns.length);
  let to = 0;
  for (let start = 0; start < x.length; start += height * width) {
    for (let row = 0; row < height; row += 1) {
      columns.forEach((column, index) => {
        let sum = 0;
        for (let each = 0; each < column.length; each += 2) sum += column[each + 1] * x[start + row * width + column[each]];
        half[row * columns.length + index] = sum;
      });
    }
    for (const row of rows) {
      for (let index = 0; index < columns.length; index += 1) {
        let sum = 0;
        for (let each = 0; each < row.length; each += 2) sum += row[each + 1] * half[row[each] * columns.length + index];
        out[to] = sum;
        to += 1;
      }
    }
  }
}

// Where an entry of a larger shape lies in a smaller one that is repeated along its axes of length 1.
function spread(small, large) {
  const own = [...Array(large.length - small.length).fill(1), ...small];
  if (own.every((length, axis) => length === large[axis])) return (index) => index;
  const strides = own.map((length, axis) => (length === 1 ? 0 : product(own.slice(axis + 1))));
  return (index) => {
    let [rest, place] = [index, 0];
    for (let axis = large.length - 1; axis >= 0; axis -= 1) {
      place += (rest % large[axis]) * strides[axis];
      rest = Math.floor(rest / large[axis]);
    }
    return place;
  };
}

// A function from an image (Float32Array, channel by channel) to the logits.
function networkOf(written, tensors, entries) {
  const shapes = { 0: written.image };
  const steps = written.steps.map((step) => {
    const named = ["weight", "bias", "scale", "shift", "value", "taken"].filter((name) => step[name] !== undefined);
    shapes[step.makes] = step.shape;
    return {
      ...step,
      tensors: Object.fromEntries(named.map((name) => [name, entries[step[name]]])),
      numbers: Object.fromEntries(named.map((name) => [name, tensors[step[name]]])),
      shapes: step.reads.map((read) => shapes[read]),
    };
  });
  return (image) => {
    const values = { 0: image };
    for (const step of steps) {
      const out = new Float32Array(product(step.shape));
      KINDS[step.kind](step, step.reads.map((read) => values[read]), out, step.numbers);
      values[step.makes] = out;
    }
    return values[written.logits];
  };
}
