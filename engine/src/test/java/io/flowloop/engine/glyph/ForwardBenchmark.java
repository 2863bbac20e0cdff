package io.flowloop.engine.glyph;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Device;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.Mmdit;
import io.flowloop.engine.Noise;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.TensorScope;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * How far a forward of the embedded model is from what bounds it, for {@code docs/benchmarks.md}:
 * its matrix products alone, shape by shape, and its bytes over the speed of memory; run by
 *
 * <pre>
 * mvn test -Dexcluded.tags= -Dtest=ForwardBenchmark -Dsurefire.failIfNoSpecifiedTests=false -Dflowloop.threads=1
 * </pre>
 *
 * <p>Forwards and products take turns in one process. Bytes are those of the products: each operand
 * read once, each result written once.
 */
@Tag("benchmark")
class ForwardBenchmark {

  private static final int ROUNDS = 9;
  private static final int ROWS_A_ROUND = 200;
  private static final int[] ROWS = {1, 2, 4, 8, 16, 32, 64};
  private static final int MEMORY_NUMBERS = 1 << 24;
  private static final GlyphConfig MODEL = GlyphConfig.EMBEDDED;
  private static final int HEIGHT = 32;
  private static final int WIDTH = 96;
  private static final int IMAGE_TOKENS = HEIGHT * WIDTH / (MODEL.patch() * MODEL.patch());
  private static final int TEXT_TOKENS = GlyphConfig.TEXT_TOKENS;

  /** y = x·wᵀ, {@code count} times: (m, k) and (n, k); batched for attention. */
  private record Product(int count, int batch, int m, int k, int n) {

    double multiplyAdds() {
      return (double) count * batch * m * k * n;
    }

    double bytes() {
      double numbers = (double) m * k + (double) k * n + (double) m * n;
      return Float.BYTES * count * batch * numbers;
    }
  }

  @Test
  void forward_besideItsProducts() {
    int threads = Integer.getInteger("flowloop.threads", 1);
    try (GlyphPipeline pipeline =
        new GlyphPipeline(
            LoadedDevice.open(new Device.Cpu(), threads), GlyphWeights.embedded(), HEIGHT, WIDTH)) {
      double bytesPerSecond = bytesPerSecond(pipeline);
      System.out.printf(
          "threads: %d, dense layers by %s, a copy moves %.1f GB/s%n%5s %11s %11s %9s %9s %9s %9s%n",
          threads,
          pipeline.kernels().linear(),
          bytesPerSecond / 1e9,
          "rows",
          "forward ms",
          "products ms",
          "of it",
          "GFLOP/s",
          "MB",
          "bytes ms");
      for (int rows : ROWS) {
        measure(pipeline, rows, bytesPerSecond);
      }
    }
  }

  private static void measure(GlyphPipeline pipeline, int rows, double bytesPerSecond) {
    try (TensorScope _ = new TensorScope()) {
      NDManager manager = pipeline.manager();
      NDArray latents = normals(manager, rows, IMAGE_TOKENS, MODEL.channels());
      NDArray text = pipeline.textEncoder().encode("\"4711\"").tokens();
      Mmdit network = pipeline.denoiser();
      NDArray conditioning = network.conditioning(manager.create(new float[] {0.7f})).getFirst();
      List<Product> products = products(rows);
      List<Runnable> runs = products.stream().map(product -> run(pipeline, product)).toList();

      List<Double> forwards = new ArrayList<>();
      List<Double> alone = new ArrayList<>();
      for (int round = -2; round < ROUNDS; round++) {
        double forward =
            millis(rows, () -> network.velocity(latents, conditioning, Pipeline.Text.of(text)));
        double product = millis(rows, () -> runs.forEach(Runnable::run));
        if (round >= 0) {
          forwards.add(forward);
          alone.add(product);
        }
      }
      double forward = median(forwards);
      double product = median(alone);
      double flops = 2 * products.stream().mapToDouble(Product::multiplyAdds).sum();
      double bytes = products.stream().mapToDouble(Product::bytes).sum();
      System.out.printf(
          "%5d %11.2f %11.2f %8.0f%% %9.0f %9.1f %9.2f%n",
          rows,
          forward,
          product,
          100 * product / forward,
          flops / product / 1e6,
          bytes / 1e6,
          1e3 * bytes / bytesPerSecond);
    }
  }

  /** Every product of a forward: dense layers first, then queries·keys and weights·values. */
  private static List<Product> products(int rows) {
    int d = MODEL.width();
    int hidden = GlyphConfig.MLP_RATIO * d;
    int image = rows * IMAGE_TOKENS;
    int text = rows * TEXT_TOKENS;
    int tokens = IMAGE_TOKENS + TEXT_TOKENS;
    int depth = MODEL.depth();
    List<Product> products = new ArrayList<>();
    products.add(new Product(1, 1, image, MODEL.channels(), d));
    products.add(new Product(depth, 1, image, d, 3 * d));
    products.add(new Product(depth, 1, image, d, d));
    products.add(new Product(depth, 1, image, d, hidden));
    products.add(new Product(depth, 1, image, hidden, d));
    // The first block's text is the prompt's alone, and the last one's ends at its projections.
    products.add(new Product(1, 1, TEXT_TOKENS, d, 3 * d));
    products.add(new Product(depth - 1, 1, text, d, 3 * d));
    products.add(new Product(depth - 1, 1, text, d, d));
    products.add(new Product(depth - 1, 1, text, d, hidden));
    products.add(new Product(depth - 1, 1, text, hidden, d));
    products.add(new Product(1, 1, image, d, MODEL.channels()));
    int heads = rows * MODEL.heads();
    products.add(new Product(depth, heads, tokens, d / MODEL.heads(), tokens));
    products.add(new Product(depth, heads, tokens, tokens, d / MODEL.heads()));
    return products;
  }

  private static Runnable run(GlyphPipeline pipeline, Product product) {
    NDManager manager = pipeline.manager();
    Runnable once;
    if (product.batch() == 1) {
      NDArray x = normals(manager, product.m(), product.k());
      NDArray w = normals(manager, product.n(), product.k());
      NDArray b = normals(manager, product.n());
      once = () -> pipeline.kernels().one("linear", x, w, b);
    } else {
      NDArray x = normals(manager, product.batch(), product.m(), product.k());
      NDArray y = normals(manager, product.batch(), product.k(), product.n());
      once = () -> x.matMul(y);
    }
    return () -> {
      for (int i = 0; i < product.count(); i++) {
        try (TensorScope _ = new TensorScope()) {
          once.run();
        }
      }
    };
  }

  /** What a copy between tensors beyond any cache reads and writes in a second. */
  private static double bytesPerSecond(GlyphPipeline pipeline) {
    try (TensorScope _ = new TensorScope()) {
      NDArray from = pipeline.manager().zeros(new Shape(MEMORY_NUMBERS));
      NDArray to = from.duplicate();
      List<Double> millis = new ArrayList<>();
      for (int round = 0; round < ROUNDS; round++) {
        millis.add(millis(ROWS_A_ROUND, () -> pipeline.kernels().one("assign", to, from)));
      }
      return 2e3 * Float.BYTES * MEMORY_NUMBERS / median(millis);
    }
  }

  /** Milliseconds of one {@code work}, of as many as take a while. */
  private static double millis(int rows, Runnable work) {
    int times = Math.max(1, ROWS_A_ROUND / rows);
    long begun = System.nanoTime();
    for (int i = 0; i < times; i++) {
      try (TensorScope _ = new TensorScope()) {
        work.run();
      }
    }
    return (System.nanoTime() - begun) / 1e6 / times;
  }

  private static double median(List<Double> values) {
    return values.stream().sorted().skip(values.size() / 2).findFirst().orElseThrow();
  }

  private static NDArray normals(NDManager manager, int... shape) {
    long[] longs = new long[shape.length];
    int count = 1;
    for (int i = 0; i < shape.length; i++) {
      longs[i] = shape[i];
      count *= shape[i];
    }
    return manager.create(Noise.normals(1, Noise.Use.WEIGHTS, 0, count), new Shape(longs));
  }
}
