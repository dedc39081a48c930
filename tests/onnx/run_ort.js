// node run_ort.js NODE_MODULES: for each line "MODEL.onnx INPUT.f32 OUTPUT.f32 SIZES" of stdin, runs ONNX Runtime on each
// sample of the input (SIZES is the shape of one, 1,3,32,32) and writes all the outputs one after another.
const fs = require('fs');
const path = require('path');
const ort = require(path.join(path.resolve(process.argv[2]), 'onnxruntime-node'));

async function run(line) {
  const [model, input, output, sizes] = line.split(' ');
  const shape = sizes.split(',').map(Number);
  const count = shape.reduce((a, b) => a * b, 1);
  const bytes = fs.readFileSync(input);
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const session = await ort.InferenceSession.create(model, {intraOpNumThreads: 1, interOpNumThreads: 1});
  const results = [];
  for (let at = 0; at < values.length; at += count) {
    const feeds = {[session.inputNames[0]]: new ort.Tensor('float32', values.slice(at, at + count), shape)};
    const data = (await session.run(feeds))[session.outputNames[0]].data;
    results.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  }
  fs.writeFileSync(output, Buffer.concat(results));
}

(async () => {
  for (const line of fs.readFileSync(0, 'utf8').split('\n').filter(Boolean)) await run(line);
})().catch(error => {
  console.error(String(error));
  process.exit(1);
});
