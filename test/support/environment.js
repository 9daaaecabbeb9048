import { types } from 'node:util';
import { TestEnvironment } from 'jest-environment-node';

/**
 * Jest runs tests in a context with an Error of its own, so that the errors of Node's modules, a refused connection for
 * one, are no instances of it, as they are everywhere else. Here they are.
 */
export default class Environment extends TestEnvironment {
  constructor(...given) {
    // For the processes that tests start, and not for this one, which would write what it compiled when it has to end.
    process.env.NODE_COMPILE_CACHE ??= process.env.SEALOG_TEST_COMPILED;
    super(...given);
    // Nothing is open then: what is left is to free the modules of all tests, and Jest waits for half a second.
    if (process.listenerCount('beforeExit') === 0) process.once('beforeExit', () => process.exit());
  }

  async setup() {
    await super.setup();
    const { Error } = this.global;
    const isInstance = Function.prototype[Symbol.hasInstance];
    Object.defineProperty(Error, Symbol.hasInstance, {
      value(thing) {
        return isInstance.call(this, thing) || (this === Error && types.isNativeError(thing));
      },
    });
  }
}
