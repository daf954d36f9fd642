"""From a model to pictures: any image, at any scale that the model serves, in bounded memory."""
