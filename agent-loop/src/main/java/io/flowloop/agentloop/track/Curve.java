package io.flowloop.agentloop.track;

import java.util.ArrayList;
import java.util.List;

/** The finite values of one metric over training steps. */
final class Curve {

  /** A value. */
  record Point(int step, double value) {}

  /**
   * Points to draw.
   *
   * @param x training steps
   * @param y values, as many
   */
  record Line(double[] x, double[] y) {}

  private final List<Point> points = new ArrayList<>();

  /** Adds a value; one of the same step is replaced, one that is not finite is left out. */
  void add(int step, double value) {
    if (Double.isFinite(value)) {
      if (!points.isEmpty() && points.getLast().step() == step) {
        points.removeLast();
      }
      points.add(new Point(step, value));
    }
  }

  boolean isEmpty() {
    return points.isEmpty();
  }

  List<Point> points() {
    return List.copyOf(points);
  }

  double last() {
    return points.getLast().value();
  }

  /** The mean of the last values, at most this many. */
  double meanOfLast(int count) {
    return points.subList(Math.max(0, points.size() - count), points.size()).stream()
        .mapToDouble(Point::value)
        .average()
        .orElseThrow();
  }

  /** At most this many points; where there are more, each is the mean of its neighbours. */
  Line line(int most) {
    int bin = Math.max(1, Math.ceilDiv(points.size(), most));
    int bins = Math.ceilDiv(points.size(), bin);
    double[] x = new double[bins];
    double[] y = new double[bins];
    for (int i = 0; i < bins; i++) {
      List<Point> part = points.subList(i * bin, Math.min((i + 1) * bin, points.size()));
      x[i] = part.stream().mapToDouble(Point::step).average().orElseThrow();
      y[i] = part.stream().mapToDouble(Point::value).average().orElseThrow();
    }
    return new Line(x, y);
  }
}
