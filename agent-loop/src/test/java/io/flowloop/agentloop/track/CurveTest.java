package io.flowloop.agentloop.track;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.track.Curve.Line;
import io.flowloop.agentloop.track.Curve.Point;
import org.junit.jupiter.api.Test;

class CurveTest {

  private static Curve curve(double... values) {
    Curve curve = new Curve();
    for (int i = 0; i < values.length; i++) {
      curve.add(i + 1, values[i]);
    }
    return curve;
  }

  @Test
  void add_notFinite_isLeftOut() {
    assertThat(curve(1, Double.NaN, 3).points()).containsExactly(new Point(1, 1), new Point(3, 3));
  }

  @Test
  void add_sameStep_replaces() {
    Curve curve = curve(1, 2);

    curve.add(2, 5);

    assertThat(curve.points()).containsExactly(new Point(1, 1), new Point(2, 5));
  }

  @Test
  void line_morePointsThanAllowed_averagesNeighbours() {
    Line line = curve(1, 3, 5, 7, 9).line(3);

    assertThat(line.x()).containsExactly(1.5, 3.5, 5);
    assertThat(line.y()).containsExactly(2, 6, 9);
  }

  @Test
  void meanOfLast_shortCurve_isTheMeanOfAll() {
    assertThat(curve(1, 3).meanOfLast(20)).isEqualTo(2);
    assertThat(curve(1, 3, 5).meanOfLast(2)).isEqualTo(4);
  }
}
