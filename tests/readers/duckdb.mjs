// Runs a query in DuckDB: node duckdb.mjs NODE_MODULES < QUERY prints its rows as JSON.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const { DuckDBInstance } = createRequire(join(resolve(process.argv[2]), 'any.js'))('@duckdb/node-api');
const connection = await (await DuckDBInstance.create(':memory:')).connect();
const result = await connection.runAndReadAll(readFileSync(0, 'utf8'));
console.log(JSON.stringify(result.getRowObjectsJson()));
