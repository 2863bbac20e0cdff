package io.flowloop.agentloop.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.FlowLoop;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

class BenchResultTest {

  private static final Cost NOTHING = new Cost(0, 0, 0);

  private static BenchResult result(int rows, List<Way> ways, double... imagesPerSecond) {
    BenchSpec spec =
        new BenchSpec(
            ConfigLoader.load(ConfigSources.of(), FlowLoop.knownNames()).config(),
            List.of("a sign that says \"7382\""),
            List.of(rows),
            ways,
            List.of(Mode.CONCURRENT, Mode.BATCHED),
            0,
            imagesPerSecond.length);
    Stream<CellResult> cells =
        spec.cells(rows).stream().map(cell -> Results.of(cell, imagesPerSecond));
    return new BenchResult(spec, NOTHING, NOTHING, cells.toList(), false);
  }

  @Test
  void ratios_allWays_compareModesAndThenActorsWithTheEngine() {
    List<Ratio> ratios = result(4, List.of(Way.values()), 10, 20).ratios();

    assertThat(ratios).hasSize(3 + 4).allSatisfy(r -> assertThat(r.values()).contains(1.0, 1.0));
    assertThat(ratios)
        .extracting(Ratio::to)
        .containsExactly(
            new Cell(4, Way.ENGINE, Mode.CONCURRENT),
            new Cell(4, Way.ACTORS, Mode.CONCURRENT),
            new Cell(4, Way.ACTORS_WITH_REWARDS, Mode.CONCURRENT),
            new Cell(4, Way.ENGINE, Mode.CONCURRENT),
            new Cell(4, Way.ENGINE, Mode.BATCHED),
            new Cell(4, Way.ENGINE, Mode.CONCURRENT),
            new Cell(4, Way.ENGINE, Mode.BATCHED));
  }

  @Test
  void isEmpty_withoutIterations_isTrueAndNoRatioFails() {
    BenchResult result = result(4, List.of(Way.values()));

    assertThat(result.isEmpty()).isTrue();
    assertThat(result.ratios()).allSatisfy(ratio -> assertThat(ratio.spread()).isEmpty());
  }

  @Test
  void plot_oneNumberOfRowsAndOneWay_isAPicture() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();

    BenchPlot.write(result(4, List.of(Way.ENGINE), 10), "cpu", out);

    BufferedImage picture = ImageIO.read(new ByteArrayInputStream(out.toByteArray()));
    assertThat(picture.getWidth()).isGreaterThan(picture.getHeight());
  }
}
