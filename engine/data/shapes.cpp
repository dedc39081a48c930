// Each class is a signed distance function d(x, y) of a shape of radius about 1 around the origin: negative inside.
// Drawing one means: carry each pixel's centre into the shape's own coordinates (shift, tilt, scale), let the ink cover
// the pixel by 0.5 - d in pixels (an edge one pixel wide, so small pictures keep the sub-pixel place), mix background
// and ink per channel, and add noise. Ink and background differ by at least kContrast in every channel.
#include "engine/data/shapes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "engine/data/generated.h"
#include "ops/core/error.h"
#include "ops/core/rng.h"

namespace cleave {

namespace {

constexpr std::int64_t kMaxBytes = std::int64_t{1} << 32;
constexpr double kMaxTilt = 0.2;   // radians either way: plus and times, bar and post stay apart
constexpr double kContrast = 0.3;  // of the range 0 … 1
constexpr double kNoise = 0.2;     // most, either way; triangular
constexpr double kThin = 0.28;     // half the width of strokes

constexpr double kHalfRoot = 0.5 * std::numbers::sqrt2;

double box(double x, double y, double half_width, double half_height) {
  return std::max(std::abs(x) - half_width, std::abs(y) - half_height);
}

double disc(double x, double y) { return std::hypot(x, y) - 1; }
double ring(double x, double y) { return std::abs(std::hypot(x, y) - 0.75) - kThin; }
double square(double x, double y) { return box(x, y, 0.85, 0.85); }
double frame(double x, double y) { return std::abs(box(x, y, 0.65, 0.65)) - 0.22; }
// The half planes of an upright triangle, y downwards.
double triangle(double x, double y) { return std::max(y - 0.75, 0.87 * std::abs(x) - 0.5 * y - 0.5); }
double wedge(double x, double y) { return triangle(x, -y); }
double plus(double x, double y) { return std::min(box(x, y, 1, kThin), box(x, y, kThin, 1)); }
double times(double x, double y) { return plus((x + y) * kHalfRoot, (x - y) * kHalfRoot); }
double bar(double x, double y) { return box(x, y, 1, kThin); }
double post(double x, double y) { return box(x, y, kThin, 1); }

struct Drawing {
  const char* name;
  double (*distance)(double x, double y);
};

constexpr std::array<Drawing, 10> kDrawings = {{{"disc", disc},
                                                {"ring", ring},
                                                {"square", square},
                                                {"frame", frame},
                                                {"triangle", triangle},
                                                {"wedge", wedge},
                                                {"plus", plus},
                                                {"times", times},
                                                {"bar", bar},
                                                {"post", post}}};

double between(Rng& rng, double low, double high) { return low + (high - low) * rng.uniform(); }

// Where a picture's shape stands, in pixels.
struct Pose {
  double x, y, radius, cosine, sine;
};

Pose random_pose(Rng& rng, double height, double width) {
  Pose pose{};
  pose.radius = between(rng, 0.24, 0.42) * std::min(height, width);
  pose.x = between(rng, pose.radius, width - pose.radius);
  pose.y = between(rng, pose.radius, height - pose.radius);
  const double tilt = between(rng, -kMaxTilt, kMaxTilt);
  pose.cosine = std::cos(tilt);
  pose.sine = std::sin(tilt);
  return pose;
}

// How much of the pixel at (row, col) the ink covers, 0 to 1.
double coverage(const Drawing& drawing, const Pose& pose, double row, double col) {
  const double x = (col + 0.5 - pose.x) / pose.radius;
  const double y = (row + 0.5 - pose.y) / pose.radius;
  const double d = drawing.distance(pose.cosine * x + pose.sine * y, pose.cosine * y - pose.sine * x);
  return std::clamp(0.5 - d * pose.radius, 0.0, 1.0);
}

// The halves of one draw make a triangular number in [-1, 1]; cheap, as there is one for each value of the set.
double noise(Rng& rng) {
  const std::uint32_t bits = rng.bits();
  return (static_cast<double>(bits & 0xFFFF) + static_cast<double>(bits >> 16)) / 65535.0 - 1;
}

void draw(const Drawing& drawing, const Shape& shape, Rng rng, std::uint8_t* pixels) {
  const std::int64_t height = shape[1];
  const std::int64_t width = shape[2];
  const Pose pose = random_pose(rng, static_cast<double>(height), static_cast<double>(width));
  const std::int64_t plane = height * width;
  std::vector<double> covered(static_cast<std::size_t>(plane));
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x)
      covered[static_cast<std::size_t>(y * width + x)] =
          coverage(drawing, pose, static_cast<double>(y), static_cast<double>(x));
  for (std::int64_t c = 0; c < shape[0]; ++c) {
    const double ground = between(rng, 0, 1 - kContrast);
    const double ink = between(rng, ground + kContrast, 1);
    for (std::int64_t p = 0; p < plane; ++p) {
      const double value = ground + (ink - ground) * covered[static_cast<std::size_t>(p)] + kNoise * noise(rng);
      pixels[c * plane + p] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0)));
    }
  }
}

// Returns the picture's [C, H, W].
Shape picture_shape(const Shape& wanted) {
  if (wanted.empty()) return {3, 32, 32};
  if (wanted.size() == 3) return wanted;
  const std::int64_t side = wanted.size() == 1 ? std::lround(std::sqrt(static_cast<double>(wanted[0]))) : 0;
  if (wanted.size() == 1 && side * side == wanted[0]) return {1, side, side};
  throw UserError(fmt::format("data set shapes: cannot draw pictures of {} values; use an image, or a square number",
                              to_text(wanted)));
}

void check_size(const Shape& shape, std::int64_t count) {
  std::int64_t room = kMaxBytes / count;
  for (const std::int64_t size : shape) room = size >= 1 ? room / size : 0;
  if (room < 1)
    throw UserError(fmt::format("data set shapes: {} pictures of {} exceed {} bytes or are empty", count,
                                to_text(shape), kMaxBytes));
}

}  // namespace

Dataset make_shapes(const DatasetRequest& request) {
  Dataset set;
  set.name = "shapes";
  set.shape = picture_shape(request.shape);
  set.count = generated_count(request, 10000, 2000);
  check_size(set.shape, set.count);
  set.classes = kDrawings.size();
  for (const Drawing& drawing : kDrawings) set.class_names.emplace_back(drawing.name);
  const std::int64_t size = element_count(set.shape);
  set.bytes.resize(static_cast<std::size_t>(set.count * size));
  for (std::int64_t i = 0; i < set.count; ++i) {
    const std::int64_t label = i % set.classes;
    draw(kDrawings[static_cast<std::size_t>(label)], set.shape, sample_rng(request, i), set.bytes.data() + i * size);
    set.labels.push_back(static_cast<std::int32_t>(label));
  }
  return set;
}

}  // namespace cleave
