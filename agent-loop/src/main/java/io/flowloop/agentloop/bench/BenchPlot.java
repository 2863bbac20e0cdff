package io.flowloop.agentloop.bench;

import io.flowloop.agentloop.track.Png;
import io.flowloop.engine.glyph.DejaVu;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;
import org.knowm.xchart.AnnotationText;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.Circle;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Images a second over rows: one line for each mode of the way that counts most, actors if they
 * were measured, with the ratio of the two written above them; lines of other ways are thin and
 * dashed.
 */
public final class BenchPlot {

  // Pixels.
  private static final int WIDTH = 1100;
  private static final int HEIGHT = 600;

  private static final Font TITLE = DejaVu.load("DejaVuSans-Bold", 17);
  private static final Font TEXT = DejaVu.load("DejaVuSans", 14);
  private static final Font RATIO = DejaVu.load("DejaVuSans-Bold", 14);

  private static final Color INK = new Color(0x333333);
  private static final Color GRID = new Color(0xDDDDDD);
  private static final Color BATCHED = new Color(0x3B82F6);
  private static final Color CONCURRENT = new Color(0xF08C2E);
  private static final double PALE = 0.55;

  /** Room above the highest point for its ratio, as a share of its height. */
  private static final double HEADROOM = 1.18;

  /** Room below zero for the numbers of rows, as a share of the axis. */
  private static final double FOOTROOM = 0.07;

  /** Distance of a ratio from its point, as a share of the axis. */
  private static final double LIFT = 0.045;

  private static final double MARGIN = 0.35;

  private final BenchResult result;
  private final List<Integer> rows;
  private final Way first;

  private BenchPlot(BenchResult result) {
    this.result = result;
    this.rows = result.spec().rows().stream().filter(this::isMeasured).sorted().toList();
    this.first =
        Stream.of(Way.ACTORS, Way.ACTORS_WITH_REWARDS, Way.ENGINE)
            .filter(result.spec().ways()::contains)
            .findFirst()
            .orElseThrow();
  }

  private boolean isMeasured(int n) {
    return result.cells().stream()
        .anyMatch(found -> found.cell().rows() == n && !found.iterations().isEmpty());
  }

  /**
   * Writes the picture of a result that is not empty, as PNG.
   *
   * @param machine what it was measured on, in a few words
   */
  public static void write(BenchResult result, String machine, OutputStream out)
      throws IOException {
    out.write(Png.encode(BitmapEncoder.getBufferedImage(new BenchPlot(result).chart(machine))));
  }

  private XYChart chart(String machine) {
    XYChart chart = new XYChart(WIDTH, HEIGHT);
    chart.setTitle("Images per second, %s".formatted(machine));
    chart.setXAxisTitle(
        "rows, the images of a prompt (%d prompts); \u00d7: batched to concurrent, %s"
            .formatted(result.spec().prompts().size(), first));
    style(chart.getStyler());
    double top = HEADROOM * highest();
    chart.getStyler().setXAxisMin(-MARGIN).setXAxisMax(rows.size() - 1 + MARGIN);
    chart.getStyler().setYAxisMin(-FOOTROOM * top).setYAxisMax(top);
    add(first, chart);
    result.spec().ways().stream().filter(way -> way != first).forEach(way -> add(way, chart));
    rows.forEach(n -> addRatio(n, top, chart));
    rows.forEach(n -> addText(Integer.toString(n), n, -FOOTROOM / 2 * top, chart));
    return chart;
  }

  private double highest() {
    return result.cells().stream()
        .flatMap(cell -> cell.spread(Measurement::imagesPerSecond).stream())
        .mapToDouble(Spread::median)
        .max()
        .orElseThrow();
  }

  private void style(XYStyler styler) {
    styler.setBaseFont(TEXT).setChartTitleFont(TITLE).setLegendFont(TEXT);
    styler.setAnnotationTextFont(RATIO).setAnnotationTextFontColor(INK);
    styler.setAxisTitleFont(TEXT).setAxisTickLabelsFont(TEXT);
    styler.setChartFontColor(INK).setChartBackgroundColor(Color.WHITE).setChartPadding(16);
    styler.setChartTitleBoxVisible(false).setPlotBorderVisible(false);
    styler.setPlotGridVerticalLinesVisible(false).setPlotGridLinesColor(GRID);
    styler.setPlotGridLinesStroke(new BasicStroke(1)).setAxisTickMarksColor(GRID);
    styler.setAxisTickLabelsColor(INK);
    styler.setLegendPosition(LegendPosition.OutsideE);
    styler.setLegendBorderColor(Color.WHITE).setLegendSeriesLineLength(36);
    styler.setLocale(Locale.ROOT).setMarkerSize(8);
    // XChart puts ticks where it likes: numbers of rows are written as texts below their points.
    styler.setXAxisTicksVisible(false).setYAxisTickMarkSpacingHint(70);
    styler.setYAxisDecimalPattern("0.###");
  }

  private void add(Way way, XYChart chart) {
    for (Mode mode : result.spec().modes()) {
      List<Integer> measured =
          rows.stream().filter(n -> speed(new Cell(n, way, mode)).isPresent()).toList();
      if (!measured.isEmpty()) {
        add(way, mode, measured, chart);
      }
    }
  }

  private void add(Way way, Mode mode, List<Integer> measured, XYChart chart) {
    double[] x = measured.stream().mapToDouble(rows::indexOf).toArray();
    double[] y =
        measured.stream()
            .mapToDouble(n -> speed(new Cell(n, way, mode)).orElseThrow().median())
            .toArray();
    XYSeries line = chart.addSeries("%s, %s".formatted(way, mode), x, y);
    Color color = mode.isBatched() ? BATCHED : CONCURRENT;
    if (way == first) {
      line.setLineStyle(new BasicStroke(3)).setLineColor(color);
      line.setMarker(new Circle()).setMarkerColor(color);
    } else {
      line.setLineStyle(dashes(way)).setLineColor(pale(color));
      line.setMarker(measured.size() == 1 ? new Circle() : SeriesMarkers.NONE);
      line.setMarkerColor(pale(color));
    }
  }

  private Optional<Spread> speed(Cell cell) {
    return result.of(cell).flatMap(found -> found.spread(Measurement::imagesPerSecond));
  }

  /** Long ones for the engine alone, dots for rewards. */
  private static BasicStroke dashes(Way way) {
    float[] dashes = way == Way.ENGINE ? new float[] {9, 6} : new float[] {2, 5};
    return new BasicStroke(2, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1, dashes, 0);
  }

  private static Color pale(Color color) {
    return new Color(pale(color.getRed()), pale(color.getGreen()), pale(color.getBlue()));
  }

  private static int pale(int channel) {
    return (int) Math.round(255 - PALE * (255 - channel));
  }

  /** Above the highest line. */
  private void addRatio(int n, double top, XYChart chart) {
    Optional<Spread> ratio =
        result.ratio(new Cell(n, first, Mode.BATCHED), new Cell(n, first, Mode.CONCURRENT));
    if (ratio.isPresent()) {
      double highest =
          result.spec().cells(n).stream()
              .flatMap(cell -> speed(cell).stream())
              .mapToDouble(Spread::median)
              .max()
              .orElseThrow();
      addText("\u00d7 %.2f".formatted(ratio.get().median()), n, highest + LIFT * top, chart);
    }
  }

  private void addText(String text, int n, double y, XYChart chart) {
    chart.addAnnotation(new AnnotationText(text, rows.indexOf(n), y, false));
  }
}
