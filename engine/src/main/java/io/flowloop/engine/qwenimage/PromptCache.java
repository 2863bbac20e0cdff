package io.flowloop.engine.qwenimage;

import io.flowloop.engine.PromptEmbedding;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * Embeddings of prompts in plain memory, those asked for last, up to a number of bytes. They depend
 * on the prompt and the text encoder, which no training moves.
 *
 * <p>One prompt is never forgotten: that which every forward with guidance asks for.
 */
final class PromptCache {

  private final long limit;
  private final String negative;
  private final Map<String, PromptEmbedding> embeddings = new LinkedHashMap<>(16, 0.75f, true);
  private long bytes;
  private long encoded;

  /**
   * @param limit bytes of all embeddings together; 0 keeps that of {@code negative} alone
   * @param negative the prompt that is never forgotten
   */
  PromptCache(long limit, String negative) {
    this.limit = limit;
    this.negative = negative;
  }

  /** The embedding of a prompt, which is computed if it is not here. */
  PromptEmbedding get(String prompt, Function<String, PromptEmbedding> encode) {
    PromptEmbedding known = embeddings.get(prompt);
    if (known != null) {
      return known;
    }
    PromptEmbedding embedding = encode.apply(prompt);
    encoded++;
    if (size(embedding) <= limit || prompt.equals(negative)) {
      embeddings.put(prompt, embedding);
      bytes += size(embedding);
      makeRoom();
    }
    return embedding;
  }

  private void makeRoom() {
    Iterator<Map.Entry<String, PromptEmbedding>> oldest = embeddings.entrySet().iterator();
    while (bytes > limit && oldest.hasNext()) {
      Map.Entry<String, PromptEmbedding> entry = oldest.next();
      if (!entry.getKey().equals(negative)) {
        bytes -= size(entry.getValue());
        oldest.remove();
      }
    }
  }

  private static long size(PromptEmbedding embedding) {
    return (long) Float.BYTES * embedding.values().length + embedding.mask().length;
  }

  /** How many prompts were not here and had to be encoded. */
  long encoded() {
    return encoded;
  }

  /** Bytes of the embeddings here. */
  long bytes() {
    return bytes;
  }
}
