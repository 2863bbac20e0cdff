package io.flowloop.engine;

import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import io.flowloop.engine.Pipeline.TextEncoder.Encoded;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The engine of any {@link Pipeline}: encode each prompt once, walk the rows in forwards of at most
 * {@code maxRowsPerForward} samples, decode, and hand out plain Java data.
 *
 * <p>Requests whose prompts have as many tokens share forwards. If one of them fails, each is drawn
 * by itself, so that a failure is that of the request it comes from.
 *
 * <p>A forward that the device has no memory for is halved until it fits, and so are those to come.
 */
public final class PipelineEngine implements DiffusionEngine {

  private static final Logger LOG = LoggerFactory.getLogger(PipelineEngine.class);

  private static final String MORE_MEMORY =
      "draw smaller images (model.imageHeight, model.imageWidth), compute in bfloat16 (model.dtype),"
          + " do without guidance (sampler.guidanceScale=1), have other parts of the model leave the"
          + " device (model.offload) or run fewer engines on it (rollout.engines)";

  /**
   * A request whose prompt has been encoded.
   *
   * @param index its place among the requests that are drawn
   */
  private record Prompt(
      int index,
      RolloutRequest request,
      Guidance.Conditioning conditioning,
      PromptEmbedding embedding,
      long tokensPerSample,
      Duration encode) {}

  /** A sample to be drawn. */
  private record Row(Prompt prompt, RowSeed seed) {}

  /**
   * Rows that were walked together.
   *
   * @param oomSplits forwards that were halved before this one fitted
   */
  private record Walked(List<Row> rows, List<Trajectory> trajectories, int oomSplits) {}

  private final Pipeline pipeline;
  private final DrawnPolicy policy;
  private final DenoisingLoop loop;
  private final ForwardLimit limit;
  private long policyVersion;

  /**
   * @param pipeline the model, which from now on records no gradients; closed with the engine
   * @param maxRowsPerForward most samples of one forward, 1 or more
   */
  public PipelineEngine(Pipeline pipeline, int maxRowsPerForward) {
    if (maxRowsPerForward < 1) {
      throw new IllegalArgumentException(
          "maxRowsPerForward: " + maxRowsPerForward + " (expected: 1 or more)");
    }
    this.pipeline = pipeline;
    pipeline.kernels().neverRecord();
    this.policy = new DrawnPolicy(pipeline);
    this.loop = new DenoisingLoop(pipeline, policy::denoiser);
    this.limit = new ForwardLimit(maxRowsPerForward);
  }

  @Override
  public List<Drawn> generate(List<RolloutRequest> requests, StepListener steps) {
    Sampling sampling = requests.getFirst().sampling();
    for (RolloutRequest request : requests) {
      if (!request.sampling().equals(sampling)) {
        throw new IllegalArgumentException(
            "sampling: %s (expected: %s, as that of the first request)"
                .formatted(request.sampling(), sampling));
      }
    }
    try (TensorScope _ = new TensorScope()) {
      return draw(requests, steps);
    } finally {
      if (pipeline.offloads()) {
        policy.denoiser().release();
      }
      // Whoever interrupted has been obeyed: no request goes on behind it.
      var _ = Thread.interrupted();
    }
  }

  private List<Drawn> draw(List<RolloutRequest> requests, StepListener steps) {
    Drawn[] drawn = new Drawn[requests.size()];
    // All are encoded before any is drawn: a text encoder may leave the device in between.
    Map<Long, List<Prompt>> sharing = new LinkedHashMap<>();
    for (int i = 0; i < drawn.length; i++) {
      try {
        Prompt prompt = encode(i, requests.get(i));
        sharing.computeIfAbsent(prompt.tokensPerSample(), _ -> new ArrayList<>()).add(prompt);
      } catch (RuntimeException e) {
        drawn[i] = new Drawn.Failure(e);
      }
    }
    sharing.values().forEach(prompts -> draw(prompts, steps, drawn));
    return List.of(drawn);
  }

  private void draw(List<Prompt> sharing, StepListener steps, Drawn[] drawn) {
    try {
      List<Sample> samples = samples(sharing, steps);
      int from = 0;
      for (Prompt prompt : sharing) {
        int to = from + prompt.request().rows();
        drawn[prompt.index()] = new Drawn.Whole(samples.subList(from, to));
        from = to;
      }
    } catch (RuntimeException e) {
      if (sharing.size() == 1) {
        drawn[sharing.getFirst().index()] = new Drawn.Failure(e);
      } else {
        sharing.forEach(prompt -> draw(List.of(prompt), steps, drawn));
      }
    }
  }

  private Prompt encode(int index, RolloutRequest request) {
    long start = System.nanoTime();
    try {
      Encoded encoded = pipeline.textEncoder().encode(request.prompt());
      Guidance guidance = new Guidance(pipeline, request.sampling().guidanceScale());
      long tokens = pipeline.latentShape().tokens() + encoded.tokens().getShape().get(1);
      return new Prompt(
          index,
          request,
          guidance.conditioning(encoded.tokens()),
          encoded.embedding(),
          guidance.rowsOfForward(1) * tokens,
          since(start));
    } catch (ai.djl.engine.EngineException e) {
      throw failure(request, e);
    }
  }

  private EngineException failure(RolloutRequest request, ai.djl.engine.EngineException cause) {
    return new EngineException(
        "forward failed on %s for prompt '%s', rows %s: %s"
            .formatted(
                pipeline.device(),
                request.prompt(),
                request.seeds(),
                OutOfMemory.line(cause)
                    .map(line -> line + "; " + MORE_MEMORY)
                    .orElse(cause.getMessage())),
        cause);
  }

  /** The samples of all these requests, one after the other. */
  private List<Sample> samples(List<Prompt> sharing, StepListener steps) {
    List<Row> rows =
        sharing.stream()
            .flatMap(prompt -> prompt.request().seeds().stream().map(s -> new Row(prompt, s)))
            .toList();
    List<Sample> samples = new ArrayList<>(rows.size());
    try {
      while (samples.size() < rows.size()) {
        samples.addAll(subBatch(rows, samples.size(), steps));
      }
    } catch (ai.djl.engine.EngineException e) {
      throw failure(rows.get(samples.size()).prompt().request(), e);
    }
    return samples;
  }

  /** The samples of a forward, the first of which is number {@code from} of the rows. */
  private List<Sample> subBatch(List<Row> all, int from, StepListener steps) {
    long start = System.nanoTime();
    Walked walked = walk(all, from, steps);
    Duration denoise = since(start);
    long decodeStart = System.nanoTime();
    List<Row> rows = walked.rows();
    List<RgbImage> images = new ArrayList<>(rows.size());
    for (int i = 0; i < rows.size(); i++) {
      requireFinite(walked.trajectories().get(i), rows.get(i).seed());
      images.add(pipeline.imageDecoder().decode(walked.trajectories().get(i).finalLatents()));
    }
    Duration decode = since(decodeStart);
    List<Sample> samples = new ArrayList<>(rows.size());
    for (int i = 0; i < rows.size(); i++) {
      samples.add(
          new Sample(
              rows.get(i).seed(),
              images.get(i),
              walked.trajectories().get(i),
              rows.get(i).prompt().embedding(),
              policyVersion(),
              timings(walked, i, denoise, decode)));
    }
    return samples;
  }

  private static SampleTimings timings(Walked walked, int row, Duration denoise, Duration decode) {
    List<Row> rows = walked.rows();
    Prompt prompt = rows.get(row).prompt();
    return new SampleTimings(
        // Of all rows of a run no two have one seed, so its first row's tells a forward from
        // others.
        rows.getFirst().seed().seed(),
        row,
        rows.size(),
        prompt.request().sampling().numInferenceSteps(),
        walked.oomSplits(),
        prompt.encode(),
        denoise,
        decode);
  }

  /** Walks as many rows as fit, from number {@code from} on. */
  private Walked walk(List<Row> all, int from, StepListener steps) {
    Prompt first = all.get(from).prompt();
    for (int oomSplits = 0; ; oomSplits++) {
      int end = limit.end(from, all.size(), first.tokensPerSample());
      List<Row> rows = all.subList(from, end);
      List<RowSeed> seeds = rows.stream().map(Row::seed).toList();
      try (TensorScope _ = new TensorScope()) {
        List<Trajectory> trajectories =
            loop.walk(conditioning(rows), seeds, first.request().sampling(), steps);
        warn(rows.size(), oomSplits);
        return new Walked(rows, trajectories, oomSplits);
      } catch (ai.djl.engine.EngineException e) {
        String line = OutOfMemory.line(e).orElseThrow(() -> e);
        limit.halve(rows.size(), first.tokensPerSample());
        if (rows.size() == 1) {
          throw doesNotFit(rows.getFirst(), line, e);
        }
      }
    }
  }

  /** That of one prompt, once for all its rows, or else that of each row; as in an update. */
  private static Guidance.Conditioning conditioning(List<Row> rows) {
    Guidance.Conditioning first = rows.getFirst().prompt().conditioning();
    PromptEmbedding embedding = rows.getFirst().prompt().embedding();
    if (rows.stream().allMatch(row -> row.prompt().embedding().equals(embedding))) {
      return first;
    }
    NDList tokens = new NDList();
    rows.forEach(row -> tokens.add(row.prompt().conditioning().prompt()));
    return new Guidance.Conditioning(NDArrays.concat(tokens), first.negative());
  }

  private EngineException doesNotFit(Row row, String line, ai.djl.engine.EngineException cause) {
    return new EngineException(
        "row %d, seed %d, of prompt '%s' does not fit on %s, alone in its forward: %s; %s"
            .formatted(
                row.seed().row(),
                row.seed().seed(),
                row.prompt().request().prompt(),
                pipeline.device(),
                line,
                MORE_MEMORY),
        cause);
  }

  private void warn(int rows, int oomSplits) {
    if (oomSplits > 0) {
      LOG.warn(
          "memory of {} ran out: forwards have {} rows at most from now on"
              + " (rollout.maxRowsPerForward={} spares the attempts)",
          pipeline.device(),
          rows,
          rows);
    }
  }

  private void requireFinite(Trajectory trajectory, RowSeed row) {
    for (float value : trajectory.finalLatents()) {
      if (!Float.isFinite(value)) {
        throw new EngineException(
            "final latents of row %d, seed %d on %s: %s (expected: finite numbers); check the weights"
                    .formatted(row.row(), row.seed(), pipeline.device(), value)
                + " and sampler.noiseLevel");
      }
    }
  }

  private static Duration since(long start) {
    return Duration.ofNanos(System.nanoTime() - start);
  }

  @Override
  public long load(PolicyWeights weights) {
    long checksum = policy.load(weights.tensors());
    policyVersion = weights.version();
    return checksum;
  }

  @Override
  public long policyVersion() {
    return policyVersion;
  }

  /** Every native tensor alive on the engine's device, weights included. */
  public int liveTensors() {
    return pipeline.manager().getManagedArrays().size();
  }

  @Override
  public void close() {
    pipeline.close();
  }
}
