package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class NoiseTest {

  private static final int MANY = 1 << 20;

  @Test
  void normals_pinnedSeeds_areTheBitsOfEveryRelease() {
    assertThat(Noise.initialLatents(0, 5))
        .containsExactly(0.9911377f, -0.9246626f, -0.61760896f, -0.4820686f, -0.15363823f);
    assertThat(Noise.stepNoise(-42, 7, 3)).containsExactly(1.2836324f, -0.97070825f, 0.81335795f);
    assertThat(Noise.uniforms(1, Noise.Use.TRAINING_DATA, 3, 2))
        .containsExactly(0.88230022683274, 0.13047675660345703);
  }

  @Test
  void normals_pinnedMillion_hasTheBitsOfEveryMachine() {
    assertThat(Arrays.hashCode(Noise.initialLatents(7, MANY))).isEqualTo(-1172803486);
  }

  @Test
  void normals_againstStrictMath_areBoxMullerOfThePhiloxWords() {
    float[] actual = Noise.normals(99, Noise.Use.STEP_NOISE, 5, MANY);
    int[] words = new int[4];
    double largest = 0;
    for (int i = 0; i < MANY; i += 4) {
      Philox4x32.block(i / 4, 5, 1, 0, 99, words);
      for (int pair = 0; pair < 4; pair += 2) {
        double radius = StrictMath.sqrt(-2 * StrictMath.log(uniform(words[pair])));
        double angle = 2 * Math.PI * uniform(words[pair + 1]);
        largest = Math.max(largest, error(actual[i + pair], radius * StrictMath.cos(angle)));
        largest = Math.max(largest, error(actual[i + pair + 1], radius * StrictMath.sin(angle)));
      }
    }
    // A float of this size is itself that coarse: half an ulp of 4 to 8 is 2.4e-7.
    assertThat(largest).isLessThan(2.5e-7);
  }

  @Test
  void logUniform_edgesAndMiddle_matchesStrictMath() {
    for (long word = 0; word <= 0xFFFFFFFFL; word += word < 1 << 16 ? 1 : 99_991) {
      double exact = StrictMath.log((word + 0.5) * 0x1p-32);
      assertThat(Noise.logUniform((int) word)).isCloseTo(exact, within(-exact * 1e-11));
    }
    assertThat(Noise.logUniform(-1)).isCloseTo(-0x1p-33, within(1e-20));
  }

  @Test
  void sinTurnAndCosTurn_wholeTurn_matchStrictMath() {
    double largest = 0;
    for (long word = 0; word <= 0xFFFFFFFFL; word += 9_973) {
      double angle = 2 * Math.PI * uniform((int) word);
      largest = Math.max(largest, error(Noise.sinTurn((int) word), StrictMath.sin(angle)));
      largest = Math.max(largest, error(Noise.cosTurn((int) word), StrictMath.cos(angle)));
    }
    assertThat(largest).isLessThan(1e-10);
  }

  @Test
  void normals_many_haveTheMomentsAndTailsOfAStandardNormal() {
    float[] z = Noise.initialLatents(7, MANY);
    double mean = 0;
    double square = 0;
    double cube = 0;
    double fourth = 0;
    double neighbours = 0;
    int beyond1 = 0;
    int beyond3 = 0;
    for (int i = 0; i < MANY; i++) {
      double x = z[i];
      mean += x / MANY;
      square += x * x / MANY;
      cube += x * x * x / MANY;
      fourth += x * x * x * x / MANY;
      neighbours += i == 0 ? 0 : x * z[i - 1] / MANY;
      beyond1 += Math.abs(x) > 1 ? 1 : 0;
      beyond3 += Math.abs(x) > 3 ? 1 : 0;
    }
    // Five standard errors each.
    assertThat(mean).isCloseTo(0, errors(1));
    assertThat(square).isCloseTo(1, errors(2));
    assertThat(cube).isCloseTo(0, errors(15));
    assertThat(fourth).isCloseTo(3, errors(96));
    assertThat(neighbours).isCloseTo(0, errors(1));
    assertThat(beyond1 / (double) MANY).isCloseTo(0.317311, errors(0.2166));
    assertThat(beyond3 / (double) MANY).isCloseTo(0.002700, errors(0.002693));
    for (float x : z) {
      assertThat(Math.abs(x)).isLessThan(6.77f);
    }
  }

  @Test
  void normals_anyCountAndOffset_areTheSameNumbers() {
    float[] all = Noise.stepNoise(3, 2, 23);
    for (int count = 0; count <= all.length; count++) {
      assertThat(Noise.stepNoise(3, 2, count)).containsExactly(Arrays.copyOf(all, count));
    }

    float[] rows = new float[30];
    Noise.stepNoise(3, 2, rows, 5, 23);

    assertThat(Arrays.copyOfRange(rows, 5, 28)).containsExactly(all);
    assertThat(Arrays.copyOf(rows, 5)).containsOnly(0);
    assertThat(Arrays.copyOfRange(rows, 28, 30)).containsOnly(0);
    assertThatThrownBy(() -> Noise.stepNoise(3, 2, rows, 8, 23))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void normals_otherSeedUseOrIndex_shareNoNumber() {
    Set<Float> seen = new HashSet<>();
    int drawn = 0;
    for (long seed : new long[] {0, 1, 1L << 32, -1}) {
      for (Noise.Use use : Noise.Use.values()) {
        for (int index = 0; index < 3; index++) {
          for (float z : Noise.normals(seed, use, index, 4)) {
            seen.add(z);
            drawn++;
          }
        }
      }
    }
    assertThat(seen).hasSize(drawn);
  }

  @Test
  void uniforms_many_fillTheOpenUnitInterval() {
    double[] uniforms = Noise.uniforms(5, Noise.Use.TRAINING_DATA, 0, MANY);
    int[] bins = new int[16];
    for (double u : uniforms) {
      assertThat(u > 0 && u < 1).isTrue();
      bins[(int) (bins.length * u)]++;
    }
    double expected = MANY / (double) bins.length;
    double chiSquare = 0;
    for (int bin : bins) {
      chiSquare += (bin - expected) * (bin - expected) / expected;
    }
    // 15 degrees of freedom: 1 in 100,000 would be above 48.
    assertThat(chiSquare).isLessThan(48);
    assertThat(Noise.uniforms(5, Noise.Use.TRAINING_DATA, 0, 7))
        .containsExactly(Arrays.copyOf(uniforms, 7));
  }

  private static Offset<Double> errors(double variance) {
    return within(5 * Math.sqrt(variance / MANY));
  }

  private static double uniform(int word) {
    return (Integer.toUnsignedLong(word) + 0.5) * 0x1p-32;
  }

  private static double error(double actual, double expected) {
    return Math.abs(actual - expected);
  }
}
