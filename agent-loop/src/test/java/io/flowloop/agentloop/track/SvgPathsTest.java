package io.flowloop.agentloop.track;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Rectangle;
import java.awt.geom.AffineTransform;
import java.awt.geom.Line2D;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SvgPathsTest {

  private static final AffineTransform SAME = new AffineTransform();
  private static final BasicStroke STROKE = new BasicStroke(1.5f);

  private final SvgPaths paths = new SvgPaths(Map.of(Color.BLACK, "currentColor"));

  private void line(double x1, double y1, double x2, double y2, Color color) {
    paths.draw(new Line2D.Double(x1, y1, x2, y2), SAME, color, STROKE);
  }

  @Test
  void draw_linesThatGoOn_areOnePath() {
    line(0, 0, 1, 1.126, Color.RED);
    line(1, 1.126, 2, 0, Color.RED);

    assertThat(paths.elements())
        .isEqualTo(
            "<path d=\"M0 0L1 1.13L2 0\" fill=\"none\" stroke=\"#ff0000\" stroke-width=\"1.5\""
                + " stroke-linejoin=\"round\"/>");
  }

  @Test
  void draw_otherColourOrPlace_isAnotherPath() {
    line(0, 0, 1, 1, Color.RED);
    line(1, 1, 2, 0, Color.BLUE);
    line(5, 5, 6, 6, Color.BLUE);

    assertThat(paths.elements().split("<path", -1)).hasSize(4);
  }

  @Test
  void fill_movedShape_isWhereItWasMovedTo() {
    paths.fill(
        new Rectangle(0, 0, 2, 1), AffineTransform.getTranslateInstance(10, 20), Color.BLACK);

    assertThat(paths.elements())
        .isEqualTo("<path d=\"M10 20L12 20L12 21L10 21L10 20Z\" fill=\"currentColor\"/>");
  }

  @Test
  void fill_translucent_saysSo() {
    paths.fill(new Rectangle(1, 1), SAME, new Color(0, 0, 255, 51));
    paths.fill(new Rectangle(1, 1), SAME, new Color(0, 0, 255, 0));

    assertThat(paths.elements())
        .isEqualTo("<path d=\"M0 0L1 0L1 1L0 1L0 0Z\" fill=\"#0000ff\" fill-opacity=\"0.2\"/>");
  }
}
