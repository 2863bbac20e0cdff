package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import io.flowloop.config.Device;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FusedBlocksTest {

  private static final int WIDTH = 16;
  private static final int HEAD_WIDTH = 8;
  private static final int IMAGE = 3;
  private static final int TEXT = 4;

  private LoadedDevice device;
  private TensorScope scope;
  private RandomBlocks random;

  @BeforeEach
  void open() {
    device = LoadedDevice.open(new Device.Cpu(), 1);
    scope = new TensorScope();
    random = new RandomBlocks(device.manager(), WIDTH, HEAD_WIDTH, 2);
  }

  @AfterEach
  void close() {
    scope.close();
    device.close();
  }

  @Test
  void through_manyRows_isTheTwins() {
    assertIsTheTwins(List.of(), 1, random.runs(new long[] {3, TEXT}));
  }

  @Test
  void through_modulationOfEachRow_isTheTwins() {
    assertIsTheTwins(List.of(), 3, random.runs(new long[] {3, TEXT}));
  }

  @Test
  void through_textsOfDifferentLengths_isTheTwins() {
    assertIsTheTwins(List.of(), 3, random.runs(new long[] {2, TEXT - 3}, new long[] {1, TEXT}));
  }

  @Test
  void through_adapters_isTheTwins() {
    NDArray runs = random.runs(new long[] {2, TEXT - 3}, new long[] {1, TEXT});
    assertIsTheTwins(random.adapters(), 1, runs);
  }

  /** Row by row. */
  private void assertIsTheTwins(List<NDArray> adapters, int modulations, NDArray runs) {
    List<NDArray> weights = random.weights();
    NDArray image = random.tokens(3, IMAGE);
    NDArray text = random.tokens(3, TEXT);
    NDArray modulation = random.modulation(modulations);
    NDArray rotations = random.rotations(IMAGE + TEXT);
    BlocksTwin twin = new BlocksTwin(WIDTH, HEAD_WIDTH, weights, adapters);
    double[][] images = rows(image, 3);
    double[][] texts = rows(text, 3);
    double[][] modulated = rows(modulation, modulations);
    double[] angles = rows(rotations, 1)[0];

    double[][] actual =
        rows(through(weights, adapters, image, text, modulation, rotations, runs), 3);

    int row = 0;
    long[] numbers = runs.toLongArray();
    for (int run = 0; run < numbers.length; run += 2) {
      for (int i = 0; i < numbers[run]; i++, row++) {
        double[][] words = Arrays.copyOf(tokens(texts[row]), (int) numbers[run + 1]);
        double[][] expected =
            twin.through(tokens(images[row]), words, modulated[row % modulations], angles);
        assertThat(actual[row])
            .as("row %d", row)
            .containsExactly(
                Arrays.stream(expected).flatMapToDouble(Arrays::stream).toArray(), within(2e-4));
      }
    }
  }

  /** An adapter of the whole layer stands in the place of the queries'. */
  @Test
  void through_adapterOfAllHeads_isThatOfItsParts() {
    List<NDArray> weights = random.weights();
    NDArray a = random.tensor(0, 1, 2, WIDTH);
    NDArray b = random.tensor(0, 1, 3 * WIDTH, 2);
    List<NDArray> whole = adaptersOfFirst(List.of(a, b));
    List<NDArray> parts =
        adaptersOfFirst(List.of(a, b.get("0:16"), a, b.get("16:32"), a, b.get("32:48")));

    assertThat(through(weights, whole)).containsExactly(through(weights, parts), within(1e-4f));
    assertThat(through(weights, whole)).isNotEqualTo(through(weights, List.of()));
  }

  /** Those of the first block's image, and none elsewhere. */
  private List<NDArray> adaptersOfFirst(List<NDArray> pairs) {
    NDArray none = device.manager().create(new float[0]);
    NDArray[] adapters = new NDArray[2 * 24];
    Arrays.fill(adapters, none);
    for (int i = 0; i < pairs.size(); i++) {
      adapters[i] = pairs.get(i);
    }
    return List.of(adapters);
  }

  private float[] through(List<NDArray> weights, List<NDArray> adapters) {
    RandomBlocks inputs = new RandomBlocks(device.manager(), WIDTH, HEAD_WIDTH, 2);
    return through(
            weights,
            adapters,
            inputs.tokens(1, IMAGE),
            inputs.tokens(1, TEXT),
            inputs.modulation(1),
            inputs.rotations(IMAGE + TEXT),
            inputs.runs(new long[] {1, TEXT}))
        .toFloatArray();
  }

  private NDArray through(
      List<NDArray> weights,
      List<NDArray> adapters,
      NDArray image,
      NDArray text,
      NDArray modulation,
      NDArray rotations,
      NDArray runs) {
    Fusions fusions = new OperatorFusions(device.kernels(), device.manager());
    try (FusedBlocks blocks = new FusedBlocks(device.kernels(), fusions, weights, adapters)) {
      return blocks.through(image, text, modulation, rotations, runs, (_, _) -> {});
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void through_ended_leavesItsResultAlone(boolean adapted) {
    List<NDArray> weights = random.weights();
    List<NDArray> adapters = adapted ? random.adapters() : List.of();
    NDArray image = random.tokens(1, IMAGE);
    NDArray text = random.tokens(1, TEXT);
    NDArray modulation = random.modulation(1);
    NDArray rotations = random.rotations(IMAGE + TEXT);
    NDArray runs = random.runs(new long[] {1, TEXT});
    through(weights, adapters, image, text, modulation, rotations, runs);
    int before = device.manager().getManagedArrays().size();

    through(weights, adapters, image, text, modulation, rotations, runs);

    assertThat(device.manager().getManagedArrays()).hasSizeLessThanOrEqualTo(before + 1);
  }

  private static double[][] tokens(double[] numbers) {
    double[][] tokens = new double[numbers.length / WIDTH][];
    Arrays.setAll(tokens, i -> Arrays.copyOfRange(numbers, i * WIDTH, (i + 1) * WIDTH));
    return tokens;
  }

  private static double[][] rows(NDArray tensor, int rows) {
    float[] floats = tensor.toFloatArray();
    int each = floats.length / rows;
    double[][] numbers = new double[rows][each];
    for (int i = 0; i < floats.length; i++) {
      numbers[i / each][i % each] = floats[i];
    }
    return numbers;
  }
}
