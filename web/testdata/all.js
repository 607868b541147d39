import './carousel.js';
import './shop.js';
import { run } from './harness.js';

run();
