package io.flowloop.reward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.flowloop.engine.RgbImage;
import java.awt.Color;
import java.awt.Font;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class OcrRewardTest {

  private static final List<Font> FONTS =
      List.of(
          Pictures.font("DejaVuSans.ttf"),
          Pictures.font("DejaVuSans-Bold.ttf"),
          Pictures.font("DejaVuSansMono.ttf"),
          Pictures.font("DejaVuSansMono-Bold.ttf"),
          Pictures.font("DejaVuSerif.ttf"),
          Pictures.font("DejaVuSerif-Bold.ttf"));

  private record Sign(String text, RgbImage image) {
    String prompt() {
      return "a sign that says \"" + text + "\"";
    }
  }

  @AutoClose private final OcrReward ocr = new OcrReward();

  @Test
  void score_cleanNumbers_isOneForNineInTen() {
    List<Sign> numbers = numbers(60, Color.BLACK, Color.WHITE);

    assertThat(numbers.stream().filter(number -> score(number) == 1)).hasSizeGreaterThan(54);
  }

  @Test
  void score_lightNumbersOnDark_isOneForNineInTen() {
    List<Sign> numbers = numbers(30, Color.WHITE, new Color(40, 40, 90));

    assertThat(numbers.stream().filter(number -> score(number) == 1)).hasSizeGreaterThan(27);
  }

  @Test
  void score_noisyNumbers_isOneForNineInTen() {
    SplittableRandom random = new SplittableRandom(3);
    List<Sign> numbers =
        numbers(60, Color.BLACK, Color.WHITE).stream()
            .map(number -> new Sign(number.text(), noisy(number.image(), 40, random)))
            .toList();

    assertThat(numbers.stream().filter(number -> score(number) == 1)).hasSizeGreaterThan(54);
  }

  @Test
  void read_negativeOfAnImage_readsTheSame() {
    SplittableRandom random = new SplittableRandom(7);
    for (Sign number : numbers(20, Color.BLACK, Color.WHITE)) {
      RgbImage image = noisy(number.image(), 60, random);
      RgbImage negative = Pictures.of(96, 32, (x, y) -> (255 - image.channel(x, y, 0)) * 0x010101);

      assertThat(ocr.read(negative, true)).isEqualTo(ocr.read(image, true));
    }
  }

  @Test
  void score_oneDigitWrong_isThreeQuarters() {
    Sign drawn = sign("7382", FONTS.getFirst().deriveFont(22f));

    assertThat(score(new Sign("7332", drawn.image()))).isEqualTo(0.75);
  }

  @Test
  void score_words_areReadAsText() {
    for (String text : List.of("Coffee", "NOW OPEN")) {
      assertThat(score(sign(text, FONTS.getFirst().deriveFont(16f)))).as(text).isEqualTo(1);
    }
  }

  @Test
  void score_lettersForDigits_changeBackAndForth() {
    Sign number = sign("7382", FONTS.getFirst().deriveFont(22f));
    Sign word = sign("Coffee", FONTS.getFirst().deriveFont(18f));

    for (Sign sign : List.of(number, word, number, word)) {
      assertThat(score(sign)).as(sign.text()).isEqualTo(1);
    }
  }

  @Test
  void score_nothingDrawn_isZero() {
    assertThat(ocr.score("\"7382\"", Pictures.plain(96, 32, 255))).isZero();
    assertThat(ocr.score("\"7382\"", Pictures.plain(96, 32, 0))).isZero();
    assertThat(ocr.score("\"7382\"", Pictures.plain(1, 1, 128))).isZero();
  }

  @Test
  void read_otherOrderAndTwoThreads_readsTheSame() {
    SplittableRandom random = new SplittableRandom(5);
    List<RgbImage> images =
        numbers(40, Color.BLACK, Color.WHITE).stream()
            .map(number -> noisy(number.image(), 60, random))
            .toList();
    List<String> alone = images.stream().map(image -> ocr.read(image, true)).toList();

    List<Future<String>> together;
    try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
      together =
          images.reversed().stream()
              .map(image -> threads.submit(() -> ocr.read(image, true)))
              .toList();
    }

    assertThat(together.reversed()).map(Future::resultNow).isEqualTo(alone);
    assertThat(Set.copyOf(alone)).as("different readings").hasSizeGreaterThan(30);
  }

  @Test
  void checkPrompt_withoutQuotedText_namesThePrompt() {
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> ocr.checkPrompt("a sign"))
        .withMessageContaining("a sign")
        .withMessageContaining("double quotes");
  }

  @Test
  void score_afterClose_isAnError() {
    Sign number = sign("7382", FONTS.getFirst().deriveFont(22f));
    score(number);
    ocr.close();

    assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> score(number));
  }

  private double score(Sign sign) {
    return ocr.score(sign.prompt(), sign.image());
  }

  private static Sign sign(String text, Font font) {
    return new Sign(text, Pictures.text(text, font, Color.BLACK, Color.WHITE));
  }

  private static List<Sign> numbers(int count, Color ink, Color paper) {
    SplittableRandom random = new SplittableRandom(11);
    return IntStream.range(0, count)
        .mapToObj(
            i -> {
              String text = "%04d".formatted(random.nextInt(10_000));
              Font font = FONTS.get(i % FONTS.size()).deriveFont(20f + random.nextInt(5));
              return new Sign(text, Pictures.text(text, font, ink, paper));
            })
        .toList();
  }

  private static RgbImage noisy(RgbImage image, double sigma, SplittableRandom random) {
    return Pictures.of(
        image.width(),
        image.height(),
        (x, y) -> {
          int grey = image.channel(x, y, 0) + (int) (sigma * random.nextGaussian());
          return Math.clamp(grey, 0, 255) * 0x010101;
        });
  }
}
