package io.flowloop.agentloop;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Device;
import io.flowloop.config.Dtype;
import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.Drawn;
import io.flowloop.engine.Kernels;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.PipelineEngine;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.StepListener;
import io.flowloop.engine.glyph.GlyphConfig;
import io.flowloop.engine.glyph.GlyphPipeline;
import io.flowloop.engine.glyph.GlyphWeights;
import io.flowloop.rollout.EngineFactory;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.SequencedMap;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Engines of a small glyph model that note down each request and each forward of the network, on a
 * device with memory for so many rows of it.
 */
final class RecordingEngines implements EngineFactory {

  /** Something that an engine did for so many rows. */
  record Work(int engine, int rows) {}

  /** More bytes than a process can address. */
  private static final Shape ABSURD = new Shape(1L << 50);

  private final int maxRowsPerForward;
  private final int fittingRows;
  private final Queue<Work> requests = new ConcurrentLinkedQueue<>();
  private final Queue<Work> forwards = new ConcurrentLinkedQueue<>();

  RecordingEngines(int maxRowsPerForward) {
    this(maxRowsPerForward, Integer.MAX_VALUE);
  }

  RecordingEngines(int maxRowsPerForward, int fittingRows) {
    this.maxRowsPerForward = maxRowsPerForward;
    this.fittingRows = fittingRows;
  }

  List<Work> requests() {
    return List.copyOf(requests);
  }

  List<Work> forwards() {
    return List.copyOf(forwards);
  }

  @Override
  public DiffusionEngine create(int engineIndex) {
    GlyphWeights weights = GlyphWeights.random(new GlyphConfig(16, 1, 2, 8), 7);
    GlyphPipeline glyph =
        new GlyphPipeline(LoadedDevice.open(new Device.Cpu(), 1), weights, 16, 24);
    return new RecordingEngine(
        engineIndex,
        new PipelineEngine(new RecordingPipeline(engineIndex, glyph), maxRowsPerForward));
  }

  private final class RecordingEngine implements DiffusionEngine {

    private final int index;
    private final DiffusionEngine engine;

    RecordingEngine(int index, DiffusionEngine engine) {
      this.index = index;
      this.engine = engine;
    }

    @Override
    public List<Drawn> generate(List<RolloutRequest> drawn, StepListener steps) {
      drawn.forEach(request -> requests.add(new Work(index, request.rows())));
      return engine.generate(drawn, steps);
    }

    @Override
    public long load(PolicyWeights weights) {
      return engine.load(weights);
    }

    @Override
    public long policyVersion() {
      return engine.policyVersion();
    }

    @Override
    public void close() {
      engine.close();
    }
  }

  private final class RecordingDenoiser implements Pipeline.Denoiser {

    private final int engine;
    private final NDManager manager;
    private final Pipeline.Denoiser denoiser;

    RecordingDenoiser(int engine, NDManager manager, Pipeline.Denoiser denoiser) {
      this.engine = engine;
      this.manager = manager;
      this.denoiser = denoiser;
    }

    @Override
    public List<NDArray> conditioning(NDArray sigmas) {
      return denoiser.conditioning(sigmas);
    }

    @Override
    public NDArray velocity(NDArray latents, NDArray conditioning, Pipeline.Text text) {
      int rows = Math.toIntExact(latents.getShape().get(0));
      forwards.add(new Work(engine, rows));
      if (rows > fittingRows) {
        manager.zeros(ABSURD);
      }
      return denoiser.velocity(latents, conditioning, text);
    }

    @Override
    public Recording checkpointed(NDArray latents, NDArray sigmas, int step, Pipeline.Text text) {
      return denoiser.checkpointed(latents, sigmas, step, text);
    }
  }

  private final class RecordingPipeline implements Pipeline {

    private final int engine;
    private final Pipeline pipeline;

    RecordingPipeline(int engine, Pipeline pipeline) {
      this.engine = engine;
      this.pipeline = pipeline;
    }

    @Override
    public Denoiser denoiser() {
      return new RecordingDenoiser(engine, manager(), pipeline.denoiser());
    }

    @Override
    public Denoiser denoiser(Map<String, NDArray> weights) {
      return new RecordingDenoiser(engine, manager(), pipeline.denoiser(weights));
    }

    @Override
    public TextEncoder textEncoder() {
      return pipeline.textEncoder();
    }

    @Override
    public ImageDecoder imageDecoder() {
      return pipeline.imageDecoder();
    }

    @Override
    public SequencedMap<String, NDArray> weights() {
      return pipeline.weights();
    }

    @Override
    public SequencedMap<String, Layer> layers() {
      return pipeline.layers();
    }

    @Override
    public Dtype dtype() {
      return pipeline.dtype();
    }

    @Override
    public LatentShape latentShape() {
      return pipeline.latentShape();
    }

    @Override
    public float[] sigmas(int numInferenceSteps) {
      return pipeline.sigmas(numInferenceSteps);
    }

    @Override
    public Kernels kernels() {
      return pipeline.kernels();
    }

    @Override
    public NDManager manager() {
      return pipeline.manager();
    }

    @Override
    public String attentionKernel(int rows) {
      return pipeline.attentionKernel(rows);
    }

    @Override
    public String device() {
      return pipeline.device();
    }

    @Override
    public void close() {
      pipeline.close();
    }
  }
}
