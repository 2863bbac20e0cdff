package io.flowloop.agentloop.track;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.awt.Color;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LineChartTest {

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "0.5, 0.5",
    "0.30000000000000004, 0.3",
    "-12.34567, -12.346",
    "1500, 1500",
    "0.001, 0.001",
    "0.0001, 1e-4",
    "-0.0000123, -1.23e-5",
    "12345678, 1.2346e7"
  })
  void number_value_isShort(double value, String text) {
    assertThat(LineChart.number(value)).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5000})
  void svg_anyNumberOfPoints_drawsTheCurve(int points) {
    Curve curve = new Curve();
    Curve constant = new Curve();
    for (int i = 1; i <= points; i++) {
      curve.add(i, 1e-5 * i);
      constant.add(i, 0);
    }

    String svg = new LineChart().band("a", curve, constant, Color.RED).svg();

    assertThat(svg).startsWith("<svg ").endsWith("</svg>").contains("#ff0000");
    assertThat(svg).doesNotContain("NaN").doesNotContain("Infinity");
    assertThat(svg.length()).isLessThan(100_000);
  }

  /** XChart searches ticks for ever where it cannot tell them apart. */
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "5e-11, 3e-13",
    "1e-4, 0",
    "1e-4, 1e-19",
    "9.9999, 1e-12",
    "-0.99999, 1e-9",
    "1e-300, 1e-301",
    "1e9, 1e-3",
    "1e300, 1e299",
    "0, 1e-12",
    "100, 1"
  })
  void svg_smallOrNarrowValues_ends(double level, double range) {
    Curve curve = new Curve();
    for (int i = 0; i < 10; i++) {
      curve.add(i, level + range * (i % 3));
    }

    String svg =
        assertTimeoutPreemptively(
            Duration.ofSeconds(20), () -> new LineChart().curve("a", curve, Color.RED).svg());

    assertThat(svg).contains("stroke=\"#ff0000\"").doesNotContain("NaN", "Infinity");
  }

  @Test
  void legend_measuredCurves_hasTheirColours() {
    Curve curve = new Curve();
    curve.add(1, 1);

    LineChart chart =
        new LineChart().curve("a", new Curve(), Color.RED).marked("b", curve, Color.BLUE);

    assertThat(chart.legend()).containsExactly(Map.entry("b", "#0000ff"));
  }
}
