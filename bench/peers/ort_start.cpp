// ort_start LIBRARY NET.onnx INPUT: loads a network, answers one sample and ends. What a cold start of ONNX Runtime
// takes.
#include <cstdio>
#include <exception>
#include <fstream>

#include "bench/peers/ort.h"

int main(int count, char** words) {
  if (count != 4) return 2;
  try {
    std::vector<float> input(3 * 32 * 32);
    std::ifstream(words[3], std::ios::binary).read(reinterpret_cast<char*>(input.data()), 4 * 3 * 32 * 32);
    const cleave::Ort ort(words[1]);
    cleave::OrtSession session(ort, words[2], 1, {1, 3, 32, 32}, input, {1, 10});
    session.run();
    for (const float logit : session.output()) std::printf("%g\n", static_cast<double>(logit));
    std::fflush(stdout);
    _Exit(0);  // not measured: how the library ends
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
