package io.flowloop.agentloop.track;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Shape;
import java.awt.geom.AffineTransform;
import java.awt.geom.Line2D;
import java.awt.geom.PathIterator;
import java.awt.geom.Point2D;
import java.util.Map;

/** The paths of an SVG picture; lines of one style that go on from each other become one path. */
final class SvgPaths {

  private static final char[] COMMANDS = {'M', 'L', 'Q', 'C', 'Z'};
  private static final int[] NUMBERS = {2, 2, 4, 6, 0};

  /** Of a pixel, to which coordinates are rounded. */
  private static final double FRACTION = 100;

  private static final double OPAQUE = 255;

  private final Map<Color, String> names;
  private final StringBuilder svg = new StringBuilder();
  private String openStyle = "";
  private Point2D openEnd = new Point2D.Double(Double.NaN, Double.NaN);

  /**
   * No paths yet.
   *
   * @param names how colours are written whose meaning is the page's, such as {@code currentColor}
   */
  SvgPaths(Map<Color, String> names) {
    this.names = Map.copyOf(names);
  }

  void fill(Shape shape, AffineTransform transform, Color color) {
    if (color.getAlpha() > 0) {
      close();
      svg.append("<path d=\"");
      append(shape.getPathIterator(transform));
      svg.append("\" ").append(paint("fill", color)).append("/>");
    }
  }

  void draw(Shape shape, AffineTransform transform, Color color, BasicStroke stroke) {
    if (color.getAlpha() > 0) {
      String style = style(color, stroke);
      if (shape instanceof Line2D line) {
        line(
            transform.transform(line.getP1(), null),
            transform.transform(line.getP2(), null),
            style);
      } else {
        open(style);
        append(shape.getPathIterator(transform));
        close();
      }
    }
  }

  private void line(Point2D from, Point2D to, String style) {
    if (!style.equals(openStyle) || !from.equals(openEnd)) {
      open(style);
      svg.append('M');
      append(from);
    }
    svg.append('L');
    append(to);
    openEnd = to;
  }

  private void open(String style) {
    close();
    svg.append("<path d=\"");
    openStyle = style;
  }

  private void close() {
    if (!openStyle.isEmpty()) {
      svg.append("\" ").append(openStyle).append("/>");
      openStyle = "";
    }
  }

  private String style(Color color, BasicStroke stroke) {
    StringBuilder style = new StringBuilder("fill=\"none\" ").append(paint("stroke", color));
    if (stroke.getLineWidth() != 1) {
      style.append(" stroke-width=\"").append(rounded(stroke.getLineWidth())).append('"');
    }
    if (stroke.getDashArray() != null) {
      style.append(" stroke-dasharray=\"");
      for (float length : stroke.getDashArray()) {
        style.append(rounded(length)).append(' ');
      }
      style.append('"');
    }
    return style.append(" stroke-linejoin=\"round\"").toString();
  }

  private String paint(String attribute, Color color) {
    String name = names.get(color);
    if (name != null) {
      return "%s=\"%s\"".formatted(attribute, name);
    }
    String opaque = "%s=\"#%06x\"".formatted(attribute, color.getRGB() & 0xFFFFFF);
    return color.getAlpha() == OPAQUE
        ? opaque
        : "%s %s-opacity=\"%s\"".formatted(opaque, attribute, rounded(color.getAlpha() / OPAQUE));
  }

  private void append(PathIterator path) {
    double[] numbers = new double[6];
    for (; !path.isDone(); path.next()) {
      int segment = path.currentSegment(numbers);
      svg.append(COMMANDS[segment]);
      for (int i = 0; i < NUMBERS[segment]; i++) {
        svg.append(i > 0 ? " " : "").append(rounded(numbers[i]));
      }
    }
  }

  private void append(Point2D point) {
    svg.append(rounded(point.getX())).append(' ').append(rounded(point.getY()));
  }

  /** With at most two decimals, and none where they are zero. */
  private static String rounded(double value) {
    long hundredths = Math.round(value * FRACTION);
    return hundredths % (long) FRACTION == 0
        ? Long.toString(hundredths / (long) FRACTION)
        : Double.toString(hundredths / FRACTION);
  }

  /** All paths so far, as elements of an {@code svg} element. */
  String elements() {
    close();
    return svg.toString();
  }
}
