package io.flowloop.reward;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class GreyImageTest {

  @Test
  void of_primaries_weighsThemAsTheEyeDoes() {
    GreyImage grey = GreyImage.of(Pictures.of(4, 1, (x, y) -> x == 3 ? 0xffffff : 0xff << (8 * x)));

    assertThat(unsigned(grey)).containsExactly(29, 150, 76, 255);
  }

  @Test
  void enlarged_step_interpolatesBetweenCentres() {
    GreyImage image = new GreyImage(2, 1, new byte[] {0, 100});

    GreyImage larger = image.enlarged(2);

    assertThat(larger.width()).isEqualTo(4);
    assertThat(larger.height()).isEqualTo(2);
    assertThat(unsigned(larger)).containsExactly(0, 25, 75, 100, 0, 25, 75, 100);
  }

  @Test
  void framed_image_standsInTheGreyOfItsBorder() {
    GreyImage image = new GreyImage(3, 3, new byte[] {60, 60, 60, 60, 0, 60, 60, 60, 60});

    GreyImage framed = image.framed(1);

    assertThat(framed.width()).isEqualTo(5);
    assertThat(framed.height()).isEqualTo(5);
    assertThat(unsigned(framed)).containsOnly(60, 0).containsOnlyOnce(0);
    assertThat(unsigned(framed)[12]).isZero();
  }

  @Test
  void darkOnLight_lightInkInADarkBorder_isTheNegative() {
    GreyImage image = new GreyImage(3, 3, new byte[] {90, 90, 90, 90, 100, 90, 90, 90, 90});

    assertThat(unsigned(image.darkOnLight())).containsOnly(165, 155).containsOnlyOnce(155);
  }

  @Test
  void darkOnLight_darkInkInALighterBorder_staysAsItIs() {
    GreyImage image = new GreyImage(3, 3, new byte[] {90, 90, 90, 90, 80, 90, 90, 90, 90});

    assertThat(image.darkOnLight()).isSameAs(image);
  }

  @Test
  void darkOnLight_oneGrey_staysAsItIs() {
    GreyImage image = new GreyImage(3, 1, new byte[] {40, 40, 40});

    assertThat(image.darkOnLight()).isSameAs(image);
  }

  private static int[] unsigned(GreyImage image) {
    int[] greys = new int[image.pixels().length];
    for (int i = 0; i < greys.length; i++) {
      greys[i] = Byte.toUnsignedInt(image.pixels()[i]);
    }
    return greys;
  }
}
