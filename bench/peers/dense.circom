pragma circom 2.0.0;

// One dense layer and its Relu on integers: y = max(0, W·x + b), |W·x + b| < 2^(n-1).

template Relu(n) {
    signal input in;
    signal output out;
    signal bits[n];
    var sum = 0;
    for (var i = 0; i < n; i++) {
        bits[i] <-- ((in + (1 << (n - 1))) >> i) & 1;
        bits[i] * (bits[i] - 1) === 0;
        sum += bits[i] * (1 << i);
    }
    sum === in + (1 << (n - 1));
    // The highest bit is set where the number is not negative.
    out <== bits[n - 1] * in;
}

template Dense(inputs, outputs, n) {
    signal input x[inputs];
    signal input w[outputs][inputs];
    signal input b[outputs];
    signal output y[outputs];
    signal products[outputs][inputs];
    component relu[outputs];
    for (var i = 0; i < outputs; i++) {
        var sum = b[i];
        for (var j = 0; j < inputs; j++) {
            products[i][j] <== w[i][j] * x[j];
            sum += products[i][j];
        }
        relu[i] = Relu(n);
        relu[i].in <== sum;
        y[i] <== relu[i].out;
    }
}

component main { public [x] } = Dense(64, 64, 32);
