// The long form of the test of that name.
process.env['SEALOG_TEST_STABLE_PAST_SECONDS'] = '15';
await import('../integration/stable-past.test.ts');
