<<<<<<< HEAD
/** The benchmark: batched against single requests, with and without the actors. */
=======
/** How fast this build is on this machine, and what others need to measure themselves against. */
>>>>>>> peer
@NullMarked
package io.flowloop.agentloop.bench;

import org.jspecify.annotations.NullMarked;
