/** The benchmark: batched against single requests, with and without the actors. */
@NullMarked
package io.flowloop.agentloop.bench;

import org.jspecify.annotations.NullMarked;
