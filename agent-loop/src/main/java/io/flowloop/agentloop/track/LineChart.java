package io.flowloop.agentloop.track;

import io.flowloop.agentloop.track.Curve.Line;
import io.flowloop.engine.glyph.DejaVu;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.DoubleStream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.Circle;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Curves over training steps, as an {@code svg} element in the colours of the page around it. */
final class LineChart {

  /** Points of a curve beyond which neighbours are averaged. */
  static final int MOST_POINTS = 250;

  // Pixels, of a chart at its natural size.
  private static final int WIDTH = 460;
  private static final int HEIGHT = 250;

  private static final Font LABEL_FONT = DejaVu.load("DejaVuSans", 11);

  private static final Color INK = new Color(0x010203);
  private static final Color GRID = new Color(0x010204);
  private static final Color NONE = new Color(0, true);
  private static final Map<Color, String> PAGE_COLORS =
      Map.of(INK, "var(--muted)", GRID, "var(--line)");
  private static final int BAND_ALPHA = 56;

  private static final BasicStroke THIN =
      new BasicStroke(1, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND);
  private static final BasicStroke CURVE =
      new BasicStroke(1.6f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND);

  /** Digits that tell two ticks of the smallest range apart. */
  private static final MathContext DIGITS = new MathContext(5);

  /**
   * The range that an axis shows at least, as a share of its largest value. XChart looks for ticks
   * for ever where neighbours read the same.
   */
  private static final double SMALLEST_RANGE = 0.01;

  /**
   * How far the first point of a curve is moved, in training steps and in units of its axis. Where
   * all points have equal distances, XChart would put its ticks on them, whatever their numbers.
   */
  private static final double NUDGE = 0.001;

  private enum Shape {
    LINE,
    MARKED_LINE,
    BAND
  }

  private record Series(Shape shape, double[] x, double[] y, Color color) {}

  private final List<Series> series = new ArrayList<>();
  private final SequencedMap<String, String> legend = new LinkedHashMap<>();

  /** Adds a curve, if anything was measured. */
  LineChart curve(String name, Curve curve, Color color) {
    return add(name, curve, color, Shape.LINE);
  }

  /** Adds a curve that shows where it was measured. */
  LineChart marked(String name, Curve curve, Color color) {
    return add(name, curve, color, Shape.MARKED_LINE);
  }

  private LineChart add(String name, Curve curve, Color color, Shape shape) {
    if (!curve.isEmpty()) {
      Line line = curve.line(MOST_POINTS);
      double[] x = line.x();
      x[0] += NUDGE;
      series.add(new Series(x.length == 1 ? Shape.MARKED_LINE : shape, x, line.y(), color));
      legend.put(name, "#%06x".formatted(color.getRGB() & 0xFFFFFF));
    }
    return this;
  }

  /** Adds a curve and the band of its standard deviation around it. */
  LineChart band(String name, Curve mean, Curve std, Color color) {
    Line middle = mean.line(MOST_POINTS);
    Line half = std.line(MOST_POINTS);
    if (middle.x().length > 1 && Arrays.equals(middle.x(), half.x())) {
      series.add(band(middle, half, color));
    }
    return curve(name, mean, color);
  }

  /** Along the upper edge, and back along the lower one. */
  private static Series band(Line middle, Line half, Color color) {
    int points = middle.x().length;
    double[] x = new double[2 * points];
    double[] y = new double[2 * points];
    for (int i = 0; i < points; i++) {
      int back = 2 * points - 1 - i;
      x[i] = middle.x()[i] + (i == 0 ? NUDGE : 0);
      x[back] = x[i];
      y[i] = middle.y()[i] + half.y()[i];
      y[back] = middle.y()[i] - half.y()[i];
    }
    return new Series(Shape.BAND, x, y, color);
  }

  /** Colours of the curves as CSS writes them, by name; empty where nothing was measured. */
  SequencedMap<String, String> legend() {
    return legend;
  }

  /** The curves as an element of an HTML page. */
  String svg() {
    SvgPaths paths = new SvgPaths(PAGE_COLORS);
    SvgGraphics graphics = new SvgGraphics(paths);
    chart().paint(graphics, WIDTH, HEIGHT);
    graphics.dispose();
    return "<svg viewBox=\"0 0 %d %d\" role=\"img\">%s</svg>"
        .formatted(WIDTH, HEIGHT, paths.elements());
  }

  /** XChart's ticks have ten decimals, so values are drawn as multiples of a power of ten. */
  private XYChart chart() {
    double lowest = values().min().orElseThrow();
    double highest = values().max().orElseThrow();
    double largest = Math.max(Math.abs(lowest), Math.abs(highest));
    double unit = largest == 0 ? 1 : Math.pow(10, Math.floor(Math.log10(largest)));
    XYChart chart = new XYChart(WIDTH, HEIGHT);
    style(chart.getStyler());
    chart.getStyler().setYAxisTickLabelsFormattingFunction(value -> number(value * unit));
    double missing = SMALLEST_RANGE * Math.max(largest / unit, 1) - (highest - lowest) / unit;
    if (largest == 0) {
      chart.getStyler().setYAxisMin(0.0).setYAxisMax(1.0);
    } else if (missing > 0) {
      chart.getStyler().setYAxisMin(lowest / unit - missing / 2);
      chart.getStyler().setYAxisMax(highest / unit + missing / 2);
    }
    double last = series.stream().flatMapToDouble(s -> Arrays.stream(s.x())).max().orElseThrow();
    chart.getStyler().setXAxisMin(0.0).setXAxisMax(Math.max(last, 1));
    series.forEach(one -> add(one, unit, chart));
    return chart;
  }

  private DoubleStream values() {
    return series.stream().flatMapToDouble(one -> Arrays.stream(one.y()));
  }

  private static void style(XYStyler styler) {
    styler.setBaseFont(LABEL_FONT);
    styler.setAxisTickLabelsFont(LABEL_FONT);
    styler.setLegendVisible(false);
    styler.setLocale(Locale.ROOT).setMarkerSize(5);
    styler.setChartFontColor(INK).setChartBackgroundColor(NONE).setPlotBackgroundColor(NONE);
    styler.setChartTitleVisible(false).setPlotBorderVisible(false).setChartPadding(2);
    styler.setAxisTickLabelsColor(INK).setAxisTickMarksColor(GRID).setAxisTitlesVisible(false);
    styler.setPlotGridVerticalLinesVisible(false).setPlotGridLinesColor(GRID);
    styler.setPlotGridLinesStroke(THIN).setAxisTickMarksStroke(THIN).setPlotMargin(0);
    styler.setPlotContentSize(0.96);
    styler.setXAxisTickMarkSpacingHint(60).setYAxisTickMarkSpacingHint(34);
    styler.setXAxisDecimalPattern("0.##");
  }

  private static void add(Series one, double unit, XYChart chart) {
    double[] y = Arrays.stream(one.y()).map(value -> value / unit).toArray();
    y[0] += NUDGE;
    XYSeries drawn =
        chart.addSeries(Integer.toString(chart.getSeriesCollection().size()), one.x(), y);
    Color color = one.color();
    drawn.setMarker(one.shape() == Shape.MARKED_LINE ? new Circle() : SeriesMarkers.NONE);
    drawn.setMarkerColor(color);
    if (one.shape() == Shape.BAND) {
      drawn.setXYSeriesRenderStyle(XYSeriesRenderStyle.PolygonArea);
      drawn.setLineColor(NONE).setLineStyle(THIN);
      drawn.setFillColor(new Color(color.getRed(), color.getGreen(), color.getBlue(), BAND_ALPHA));
    } else {
      drawn.setLineColor(color).setLineStyle(CURVE);
    }
  }

  /** Few digits; very small and very large numbers as {@code 1.2e-5}. */
  static String number(double value) {
    if (value == 0) {
      return "0";
    }
    BigDecimal rounded = new BigDecimal(value).round(DIGITS).stripTrailingZeros();
    int exponent = rounded.precision() - rounded.scale() - 1;
    return exponent < -3 || exponent > 5
        ? rounded.movePointLeft(exponent).stripTrailingZeros().toPlainString() + "e" + exponent
        : rounded.toPlainString();
  }
}
