package io.flowloop.agentloop.track;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.RgbImage;
import java.awt.image.BufferedImage;
import java.util.List;
import org.junit.jupiter.api.Test;

class ValidationSheetTest {

  @Test
  void draw_moreImagesThanFit_showsAsManyAsAllowed() {
    BufferedImage sheet = ValidationSheet.draw(TrainingRuns.validation(1, 0.5, true, 10), 2, 4);

    int row = 2 * 32 + ContactSheet.CAPTION + ContactSheet.GAP;
    assertThat(sheet.getHeight())
        .isEqualTo(2 * ContactSheet.MARGIN + ContactSheet.HEADING + 2 * row);
  }

  @Test
  void spread_moreThanAllowed_hasEqualDistances() {
    assertThat(ValidationSheet.spread(List.of(0, 1, 2, 3, 4, 5, 6, 7), 4))
        .containsExactly(0, 2, 4, 6);
    assertThat(ValidationSheet.spread(List.of(0, 1), 4)).containsExactly(0, 1);
  }

  @Test
  void shrunk_largeImage_averagesBlocks() {
    byte[] rgb = new byte[512 * 2 * 3];
    // The four pixels of the first block, in red.
    rgb[0] = (byte) 200;
    rgb[3] = (byte) 100;
    rgb[512 * 3] = (byte) 60;
    rgb[512 * 3 + 3] = (byte) 40;

    RgbImage shrunk = ValidationSheet.shrunk(new RgbImage(512, 2, rgb));

    assertThat(shrunk.width()).isEqualTo(256);
    assertThat(shrunk.height()).isEqualTo(1);
    assertThat(shrunk.channel(0, 0, 0)).isEqualTo(100);
    assertThat(shrunk.channel(1, 0, 0)).isZero();
  }

  @Test
  void shrunk_smallImage_isItself() {
    RgbImage image = new RgbImage(1, 1, new byte[3]);

    assertThat(ValidationSheet.shrunk(image)).isSameAs(image);
  }
}
