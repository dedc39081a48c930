#include "engine/cli/run_source.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <poll.h>

#include "engine/cli/samples.h"
#include "engine/data/fill.h"
#include "engine/runtime/stream_source.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

// A stream with what it reads from. Unbuffered, so that poll() knows all there is to know.
struct OpenStream {
  std::unique_ptr<std::FILE, CloseFile> file;
  std::unique_ptr<SampleStream> samples;
  std::int64_t left = 0;
};

StreamFormat format_of(const RunInput& input) {
  const bool npy = input.format.empty() && input.where.ends_with(".npy");
  if (npy || input.format == "npy") return StreamFormat::npy;
  return input.format == "raw-f32" ? StreamFormat::raw_f32 : StreamFormat::raw_u8;
}

// Waits until there is something to read (or the end); false when the stop flag was set meanwhile.
bool wait_for(std::FILE* file, const std::atomic<bool>* stop) {
  constexpr int kLook_ms = 100;
  for (;;) {
    if (stop != nullptr && stop->load()) return false;
    pollfd ready{fileno(file), POLLIN, 0};
    if (poll(&ready, 1, kLook_ms) != 0 && (ready.revents != 0 || errno != EINTR)) return true;
  }
}

RunSource stream_source(const Model& model, const RunInput& input) {
  const InputSpec& spec = model.reading.spec.input;
  if (spec.mean.size() > 1 && spec.mean.size() != static_cast<std::size_t>(channels_of(spec.shape)))
    throw UserError(fmt::format("normalize has {} entries, a stream of {} samples needs 1 or {}", spec.mean.size(),
                                to_text(spec.shape), channels_of(spec.shape)));
  const bool is_stdin = input.where == "-";
  const std::string name = is_stdin ? "stdin" : input.where;
  const auto stream = std::make_shared<OpenStream>();
  if (!is_stdin && is_folder(input.where))
    throw RunError(fmt::format("{}: is a folder, a file is needed", input.where));
  stream->file.reset(is_stdin ? stdin : std::fopen(input.where.c_str(), "rb"));
  if (stream->file == nullptr) throw RunError(fmt::format("{}: cannot open: {}", name, std::strerror(errno)));
  if (std::setvbuf(stream->file.get(), nullptr, is_stdin ? _IONBF : _IOFBF, is_stdin ? 0 : 65536) != 0)
    throw RunError(fmt::format("{}: cannot set up reading", name));
  if (is_stdin && !wait_for(stdin, input.stop)) throw Interrupted("stopped before the first sample");
  stream->samples = std::make_unique<SampleStream>(stream->file.get(), name, format_of(input), spec.shape);
  stream->left = input.limit > 0 ? input.limit : std::numeric_limits<std::int64_t>::max();
  const auto next = [stream, is_stdin, stop = input.stop, &spec](std::int64_t /*seq*/, TensorView frame,
                                                                 std::span<std::int32_t> labels) {
    std::int64_t count = 0;
    for (; count < frame.batch && stream->left > 0; ++count, --stream->left) {
      if (is_stdin && !wait_for(stdin, stop)) break;
      if (stream->samples->read({1, frame.shape, frame.sample(count)}) == 0) break;
      labels[static_cast<std::size_t>(count)] = -1;
    }
    apply_rule(spec, {count, frame.shape, frame.data});
    return count;
  };
  return {next, 0};
}

RunSource dataset_source(const Model& model, const DataSetSpec& wanted, const RunInput& input) {
  struct Owned {
    Dataset set;
    Samples samples;
    LabelledSource next;
  };
  const auto owned = std::make_shared<Owned>();
  owned->set = load_samples(model, wanted, "data.test", input.limit);
  owned->samples = {&owned->set, &model.reading.spec.input, all_of(owned->set.count)};
  owned->next = stream_of(owned->samples);
  return {[owned](std::int64_t seq, TensorView frame, std::span<std::int32_t> labels) {
            return owned->next(seq, frame, labels);
          },
          owned->set.count};
}

// A data set has a form of its own.
void refuse_format(const RunInput& input) {
  if (!input.format.empty())
    throw UserError(fmt::format("--input-format {}: is for a file or stdin, name it by --input", input.format));
}

}  // namespace

RunSource open_input(const Model& model, const RunInput& input) {
  if (input.where.empty()) {
    refuse_format(input);
    return dataset_source(model, model.reading.spec.data.test, input);
  }
  const std::size_t colon = input.where.find(':');
  const std::string set = input.where.substr(0, colon);
  const bool is_set = find(dataset_catalog(), set) != nullptr && !is_file(input.where);
  if (!is_set) return stream_source(model, input);
  refuse_format(input);
  DataSetSpec wanted;
  wanted.dataset = set;
  wanted.split = colon == std::string::npos ? "test" : input.where.substr(colon + 1);
  return dataset_source(model, wanted, input);
}

}  // namespace cleave
