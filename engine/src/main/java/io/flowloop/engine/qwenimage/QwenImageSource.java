package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.flowloop.config.Dtype;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.PromptEmbedding;
import java.util.SequencedMap;

/** What a Qwen-Image is made of: its architecture, and weights from wherever they come. */
interface QwenImageSource extends AutoCloseable {

  TransformerConfig transformer();

  VaeConfig vae();

  SchedulerConfig scheduler();

  /** Tells the transformer's weights from others: the same for the same source. */
  long fingerprint();

  /** What is equal for sources whose transformers have the same weights, within this process. */
  Object origin();

  /**
   * The transformer's weights on a device, as {@link QwenImageTransformer#weights} makes them.
   *
   * @param manager owns them
   */
  SequencedMap<String, NDArray> loadTransformer(
      LoadedDevice device, NDManager manager, Dtype dtype);

  /** The VAE on a device. */
  QwenImageVae loadVae(LoadedDevice device, Dtype dtype);

  /** What encodes prompts, on a device. */
  PromptEncoder loadEncoder(LoadedDevice device, Dtype dtype);

  /** Ends reading; what was loaded stays. */
  @Override
  void close();

  /** What makes embeddings of prompts. */
  interface PromptEncoder extends AutoCloseable {

    PromptEmbedding encode(String prompt);

    /** Takes it off the device. */
    @Override
    void close();
  }
}
